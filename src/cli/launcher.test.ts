import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LAUNCHER = join(import.meta.dirname, "..", "..", "bin", "orco");
const STUB = 'echo "Error: Bun\'s postinstall script was not run." >&2\nexit 1\n';
/** Stands in for bun: says how it was called. */
const FAKE_BUN = '#!/bin/sh\nprintf "%s\\n" "$@"\n';
const SHELLS = ["sh", "dash", "busybox"].filter((shell) => Bun.which(shell));

let base = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "orco launcher "));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** An installed package: `<folder>/orco` with bun in `bunIn`. */
function install(name: string, options: { bunIn?: string; bun?: string } = {}): string {
  const root = join(base, name, "node_modules", "orco");
  mkdirSync(join(root, "bin"), { recursive: true });
  copyFileSync(LAUNCHER, join(root, "bin", "orco"));
  chmodSync(join(root, "bin", "orco"), 0o755);
  const bun = join(base, name, options.bunIn ?? "node_modules/bun");
  mkdirSync(join(bun, "bin"), { recursive: true });
  writeFileSync(join(bun, "bin", "bun.exe"), options.bun ?? FAKE_BUN, { mode: 0o755 });
  writeFileSync(join(bun, "install.js"), `require("node:fs").writeFileSync(__dirname + "/bin/bun.exe", ${JSON.stringify(FAKE_BUN)})`);
  return root;
}

async function call(command: string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"], cwd: base, env: { PATH: process.env["PATH"], ...env } });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

const started = (root: string, ...args: string[]) =>
  `${["--no-env-file", "--config=/dev/null", "--no-install", join(root, "src/main.ts"), ...args].join("\n")}\n`;

describe.each(SHELLS)("the launcher under %s", (shell) => {
  const sh = shell === "busybox" ? ["busybox", "sh"] : [shell];

  test("passes arguments as they are, from a path with spaces", async () => {
    const root = install("plain");
    expect(await call([...sh, join(root, "bin/orco"), "up", "a b", "*", ""])).toEqual({
      code: 0,
      out: started(root, "up", "a b", "*", ""),
      err: "",
    });
  });

  test("finds its package through npm's link and a link to that", async () => {
    const root = install("linked");
    const bin = join(base, "linked", "node_modules", ".bin");
    mkdirSync(bin, { recursive: true });
    rmSync(join(bin, "orco"), { force: true });
    rmSync(join(base, "orco-link"), { force: true });
    symlinkSync("../orco/bin/orco", join(bin, "orco"));
    symlinkSync(join(bin, "orco"), join(base, "orco-link"));
    expect((await call([...sh, join(base, "orco-link"), "status"])).out).toBe(started(root, "status"));
  });

  test("takes bun of its own, and of any folder above", async () => {
    for (const bunIn of ["node_modules/orco/node_modules/bun", "node_modules/bun", "../node_modules/bun"]) {
      const root = install(`bun in ${bunIn.replaceAll("/", "-")}`, { bunIn });
      expect((await call([...sh, join(root, "bin/orco")])).out).toBe(started(root));
    }
    rmSync(join(base, "node_modules"), { recursive: true });
  });

  test("runs bun's install script once where npm did not", async () => {
    const root = install(`stub ${shell}`, { bun: STUB });
    expect(await call([...sh, join(root, "bin/orco")])).toEqual({ code: 0, out: started(root), err: "" });
  });

  test("says what to do when there is no node for that", async () => {
    const root = install(`no node ${shell}`, { bun: STUB });
    const tools = join(base, `tools ${shell}`);
    mkdirSync(tools);
    for (const tool of ["head", "readlink", ...sh]) symlinkSync(Bun.which(tool) ?? "", join(tools, tool));
    const { code, err } = await call([...sh.map((word) => Bun.which(word) ?? word), join(root, "bin/orco")], { PATH: tools });
    expect(code).toBe(1);
    expect(err).toContain("node is not on PATH");
    expect(err).toContain("ORCO_BUN");
  });

  test("says what to do when bun is not there at all", async () => {
    const root = install("bare", { bunIn: "elsewhere" });
    const { code, err } = await call([...sh, join(root, "bin/orco")]);
    expect(code).toBe(1);
    expect(err).toContain("the bun package is not installed");
  });

  test("ORCO_BUN wins, and a wrong one is named", async () => {
    const root = install("chosen", { bun: STUB });
    const chosen = join(base, "my bun");
    writeFileSync(chosen, FAKE_BUN, { mode: 0o755 });
    expect((await call([...sh, join(root, "bin/orco")], { ORCO_BUN: chosen })).out).toBe(started(root));
    expect((await call([...sh, join(root, "bin/orco")], { ORCO_BUN: "/nope" })).err).toContain("ORCO_BUN=/nope");
  });
});

test("the caller's bunfig and .env do not reach the program", async () => {
  const folder = join(base, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(folder, "preload.ts"), 'console.log("preloaded");');
  const child = Bun.spawn([LAUNCHER, "completion", "bash"], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: folder,
    env: { PATH: process.env["PATH"] },
  });
  expect(await child.stdout.text()).toStartWith("# bash completion");
});
