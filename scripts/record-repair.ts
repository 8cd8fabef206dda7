/**
 * Records the logs of `test/fixtures/repair` that come from containers of this machine: `bun scripts/record-repair.ts [name…]`.
 * Needs the images of examples/repair/images.sh and busybox:local. What it makes is removed at the end.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Case } from "./record-repair/case.ts";
import { FILE_CASES } from "./record-repair/file-cases.ts";
import { LIMIT_CASES } from "./record-repair/limit-cases.ts";
import { START_CASES } from "./record-repair/start-cases.ts";

const OUT = join(import.meta.dir, "..", "test", "fixtures", "repair");
const CASES = [...START_CASES, ...FILE_CASES, ...LIMIT_CASES];
const wanted = process.argv.slice(2);

for (const one of CASES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const folder = mkdtempSync(join(tmpdir(), "orco-record-"));
  try {
    record(one, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function record(one: Case, folder: string): void {
  for (const [path, text] of Object.entries(one.files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, Number.parseInt(one.modes?.[path] ?? "644", 8));
  }
  const image = `orco-record-${crypto.randomUUID().slice(0, 8)}`;
  const built = one.builder === "buildkit" ? composed(folder, image) : docker(["build", "--no-cache", "-t", image, "."], { folder });
  const ran = one.builder === undefined ? run(one, { image, folder }) : undefined;
  docker(["rmi", "-f", image], { folder });
  writeFileSync(join(OUT, `${one.name}.log`), ran ? ran.log : built);
  if (ran && one.state !== false) writeFileSync(join(OUT, `${one.name}.state.json`), `${JSON.stringify(ran.state, null, 2)}\n`);
  writeFileSync(join(OUT, `${one.name}.meta.json`), `${JSON.stringify(metaOf(one), null, 2)}\n`);
  console.log(`${one.name}: ${(ran ? ran.log || ran.state.Error : built).trimEnd().split("\n").at(-1)}`);
}

function run(
  { flags = [], argv = [], untilUnhealthy, portTaken }: Case,
  { image, folder }: { image: string; folder: string },
): { log: string; state: { readonly Error: string } } {
  const beside = portTaken ? docker(["run", "-d", ...flags, image, "sleep", "60"], { folder }).trim() : undefined;
  docker(["create", "--name", image, ...flags.map((flag) => flag.replace("$PWD", folder)), image, ...argv], { folder });
  // A refused start is told by the client alone and by `.State.Error`.
  docker(["start", image], { folder });
  if (untilUnhealthy) untilHealthIs(image, "unhealthy", folder);
  else docker(["wait", image], { folder });
  const log = docker(["logs", image], { folder });
  const state = JSON.parse(docker(["inspect", "-f", "{{json .State}}", image], { folder }));
  docker(["rm", "-f", image, ...(beside === undefined ? [] : [beside])], { folder });
  return { log, state };
}

function untilHealthIs(name: string, wanted: string, folder: string): void {
  for (let left = 100; left > 0; left--) {
    if (docker(["inspect", "-f", "{{.State.Health.Status}}", name], { folder }).trim() === wanted) return;
    Bun.sleepSync(200);
  }
}

/** The engine's own BuildKit is reached by compose alone, where docker has no buildx. */
function composed(folder: string, image: string): string {
  writeFileSync(join(folder, "compose.yaml"), `services:\n  api:\n    build: .\n    image: ${image}\n`);
  return docker(["compose", "-p", image, "build", "--no-cache", "api"], { folder });
}

function docker(args: readonly string[], { folder }: { folder: string }): string {
  const env = { ...process.env, ...(args[0] !== "compose" && { DOCKER_BUILDKIT: "0" }) };
  // Both in the order in which they were said.
  const done = Bun.spawnSync(["timeout", "120", "sh", "-c", 'exec docker "$@" 2>&1', "sh", ...args], { cwd: folder, env, stdout: "pipe" });
  return done.stdout.toString();
}

function metaOf({ name, entry, expect, how, told, files: made, modes, builder, flags = [], argv, config }: Case): object {
  const done = builder
    ? `docker build (${builder === "buildkit" ? "BuildKit, by compose" : "classic builder"})`
    : `docker run ${flags.join(" ")}`.trim();
  return {
    entry,
    recorded: new Date().toISOString().slice(0, 10),
    how: how ?? `${done}${argv ? ` … ${argv.join(" ")}` : ""}, Docker 20.10; scripts/record-repair.ts ${name}`,
    source: builder ? "build" : "container",
    expect,
    files: told ?? made,
    ...(modes && { modes }),
    ...(config && { config }),
  };
}
