/**
 * `npm test`: unit tests side by side, then the scenarios and the chaos rows, which start daemons and measure time.
 * With arguments (`npm test -- src/kernel -t journal`): `bun test` with just these. Ends with the line `N passed, N failed`.
 */
import { availableParallelism } from "node:os";
import { Glob } from "bun";

const ROOT = new URL("..", import.meta.url).pathname;
const MAX_WORKERS = 4;
const UNIT_TIMEOUT_MS = 20_000;
const SCENARIO_TIMEOUT_MS = 180_000;
const CLUSTER = "./test/kube/";
const CHAOS = "./test/chaos/";
/** They wait for docker most of the time. */
const CONTAINERS = /test\/(?:scenarios\/(?:docker|containers|podman)|chaos\/(?:docker|rolling))/;

/** Programs that a user's machine may lack, and the tests that cannot do without them. In CI their absence is a failure, unless they are optional. */
const NEEDS: readonly { readonly program: string; readonly tests: RegExp; readonly optional?: true }[] = [
  {
    program: "git",
    tests: /deploy\/git\/|(?:chaos|scenarios)\/deploy|chaos\/edge-kills|conformance\/(?:command|reference)|scenarios\/conformance/,
  },
  { program: "openssl", tests: /tls\.test\.ts$|(?:deploy\/alert|kernel\/webhook\/.*)\.test\.ts$/ },
  { program: "redis-server", tests: /runs\/redis\/.*\.test\.ts$|worker\/.*\.test\.ts$|(?:scenarios|chaos)\/redis/ },
  { program: "dockerd", tests: /supervise\/docker\/docker\.test|local\/container-step\.test|scenarios\/containers/ },
  { program: "podman", tests: /scenarios\/podman/, optional: true },
  { program: "chromium", tests: /scenarios\/browser/ },
  { program: "tmux", tests: /scenarios\/tui\.test/ },
  { program: "curl", tests: /scenarios\/docs(?:-refusals)?\.test/ },
];

interface Counts {
  passed: number;
  failed: number;
}

const given = process.argv.slice(2);
const counts = given.length > 0 ? [await bunTest(["--timeout", String(UNIT_TIMEOUT_MS), ...given])] : await everything();
const passed = counts.reduce((sum, each) => sum + each.passed, 0);
const failed = counts.reduce((sum, each) => sum + each.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

async function everything(): Promise<Counts[]> {
  const workers = Math.min(MAX_WORKERS, availableParallelism());
  const units = possible(find("src/**/*.test.ts", "test/*.test.ts"));
  const others = possible(find("test/*/**/*.test.ts"));
  const onCluster = others.filter((file) => file.startsWith(CLUSTER));
  const containers = others.filter((file) => CONTAINERS.test(file));
  const scenarios = others.filter((file) => !file.startsWith(CLUSTER) && !CONTAINERS.test(file));
  // They wait for a cluster most of the time.
  const cluster = oneByOne(onCluster);
  const unit = await bunTest([`--parallel=${workers}`, "--timeout", String(UNIT_TIMEOUT_MS), "--only-failures", ...units]);
  // These measure time: nothing beside them.
  const chaos = await oneByOne(scenarios.filter((file) => file.startsWith(CHAOS)));
  const rest = scenarios.filter((file) => !file.startsWith(CHAOS));
  return [unit, chaos, ...(await Promise.all([oneByOne(rest), oneByOne(containers), cluster]))];
}

async function oneByOne(files: readonly string[]): Promise<Counts> {
  return files.length === 0 ? { passed: 0, failed: 0 } : bunTest(["--timeout", String(SCENARIO_TIMEOUT_MS), ...files]);
}

function find(...patterns: string[]): string[] {
  return patterns.flatMap((pattern) => [...new Glob(pattern).scanSync(ROOT)].toSorted().map((path) => `./${path}`));
}

/** Those whose programs are there; the others are named. */
function possible(files: readonly string[]): string[] {
  const needed = process.env["CI"] === "true" ? NEEDS.filter(({ optional }) => optional) : NEEDS;
  const missing = needed.filter(({ program }) => Bun.which(program) === null);
  for (const { program, tests } of missing) {
    const left = files.filter((file) => tests.test(file));
    if (left.length > 0) console.log(`skipped: ${left.length} test files, because ${program} is not installed: ${left.join(" ")}`);
  }
  return files.filter((file) => !missing.some(({ tests }) => tests.test(file)));
}

/** Runs bun test, shows what it prints, and reads its counts. A run that dies without counts is one failure. */
async function bunTest(args: string[]): Promise<Counts> {
  const child = Bun.spawn([process.execPath, "test", ...args], { cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "pipe" });
  const decoder = new TextDecoder();
  let printed = "";
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    printed += decoder.decode(chunk, { stream: true });
  }
  const code = await child.exited;
  const failed = count(printed, "fail");
  return { passed: count(printed, "pass"), failed: code === 0 ? failed : Math.max(1, failed) };
}

/** The last ` 12 pass` or ` 0 fail` of the summary. */
function count(printed: string, what: "pass" | "fail"): number {
  const [last] = [...printed.matchAll(new RegExp(`^\\s*(\\d+) ${what}$`, "gm"))].slice(-1);
  return Number(last?.[1] ?? 0);
}
