// Runs bun with the arguments given: `node scripts/bun.mjs scripts/demo.ts`.
// After `npm ci --ignore-scripts`, or where npm blocks install scripts, node_modules/bun is a stub of 450 bytes:
// its own installer is run first.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const STUB_MAX_BYTES = 10_000;
const FORWARDED_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

function bunPackage() {
  for (let folder = dirname(dirname(fileURLToPath(import.meta.url))); ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", "bun");
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) throw new Error("bun is not installed here: run `npm ci` first");
  }
}

function realBun() {
  const folder = bunPackage();
  const executable = join(folder, "bin", "bun.exe");
  if (statSync(executable).size > STUB_MAX_BYTES) return executable;
  const installed = spawnSync(process.execPath, ["install.js"], { cwd: folder, stdio: "inherit" });
  if (installed.status !== 0) throw new Error(`${join(folder, "install.js")} failed: bun cannot be made ready`);
  return executable;
}

const bun = spawn(realBun(), process.argv.slice(2), { stdio: "inherit" });
for (const signal of FORWARDED_SIGNALS) process.on(signal, () => bun.kill(signal));
bun.on("exit", (code, signal) => {
  process.exitCode = signal === null ? code : 128;
});
