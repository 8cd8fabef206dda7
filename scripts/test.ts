/**
 * `npm test`: unit tests side by side, then the scenarios and the chaos rows, which start daemons and measure time.
 * With arguments (`npm test -- src/kernel -t journal`): `bun test` with just these. Ends with the line `N passed, N failed`.
 */
import { availableParallelism } from "node:os";
import { Glob } from "bun";

const ROOT = new URL("..", import.meta.url).pathname;
const MAX_WORKERS = 4;
const UNIT_TIMEOUT_MS = 60_000;
const SCENARIO_TIMEOUT_MS = 180_000;
const CLUSTER = "./test/kube/";
const CHAOS = "./test/chaos/";
/** They wait for engines and clocks most of the time; and what goes with them, so that the lanes take equally long. */
const INFERENCE = /^\.\/test\/(?:llm|net|soak|scenarios\/(?:(?:inference|openai|pools|node)-|[r-z])|chaos\/(?:inference|catalog)-)/;
/** They wait for docker, or for drains, most of the time; and what goes with them. */
const CONTAINERS =
  /test\/(?:conformance\/|scenarios\/(?:conformance|docker|containers|podman|docs|exec-|model|schedules-stack)|chaos\/(?:docker|rolling))/;

/** They wait for docker most of the time, and measure none. */
const REPAIR = /^\.\/test\/(?:scenarios|chaos|security)\/repair-/;
/** Of those, the ones that build a lot. */
const BUILDS = /repair-(?:compose|container|docs|examples|stack|symlinks|triggers)/;

/** What goes with the other repairs, so that the lanes take equally long. */
const EVEN = /^\.\/test\/scenarios\/(?:l|m|one-)/;

/** Rows of chaos that measure no time. */
const UNTIMED = /chaos\/(?:damage|deploy-(?:starts|model)|disk|run-disk-full|redis-runs|journal)/;

/** Programs that a user's machine may lack, and the tests that cannot do without them. In CI their absence is a failure, unless they are optional. */
const NEEDS: readonly { readonly program: string; readonly tests: RegExp; readonly optional?: true }[] = [
  {
    program: "git",
    tests:
      /deploy\/git\/|repair\/patch\/|(?:chaos|scenarios|security)\/(?:deploy|repair)|chaos\/edge-kills|conformance\/(?:command|reference)|scenarios\/conformance/,
  },
  { program: "openssl", tests: /tls\.test\.ts$|(?:deploy\/alert|kernel\/webhook\/.*)\.test\.ts$/ },
  { program: "redis-server", tests: /runs\/redis\/.*\.test\.ts$|worker\/.*\.test\.ts$|(?:scenarios|chaos)\/redis/ },
  { program: "dockerd", tests: /supervise\/docker\/docker\.test|local\/container-step\.test|scenarios\/containers/ },
  { program: "podman", tests: /scenarios\/podman/, optional: true },
  { program: "chromium", tests: /scenarios\/browser/ },
  { program: "tmux", tests: /scenarios\/tui\.test/ },
  { program: "curl", tests: /scenarios\/docs(?:-refusals)?\.test/ },
];

/** Of what a failed test has printed, when it is shown once more at the end. */
const SHOWN_LINES = 40;

interface Counts {
  passed: number;
  failed: number;
  /** What each failed test has printed, with its name as the last line. */
  failures: readonly string[];
}

const given = process.argv.slice(2);
const counts = given.length > 0 ? [await bunTest(["--timeout", String(UNIT_TIMEOUT_MS), ...given])] : await everything();
const passed = counts.reduce((sum, each) => sum + each.passed, 0);
const failed = counts.reduce((sum, each) => sum + each.failed, 0);
const failures = counts.flatMap((each) => each.failures);
if (given.length === 0 && failures.length > 0) console.log(`\nWhat failed, once more:\n\n${failures.join("\n\n")}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

async function everything(): Promise<Counts[]> {
  const workers = Math.min(MAX_WORKERS, availableParallelism());
  const units = possible(find("src/**/*.test.ts", "test/*.test.ts"));
  const others = possible(find("test/*/**/*.test.ts"));
  const onCluster = others.filter((file) => file.startsWith(CLUSTER));
  const repairs = others.filter((file) => REPAIR.test(file));
  const containers = others.filter((file) => CONTAINERS.test(file));
  const inference = others.filter((file) => INFERENCE.test(file) && !REPAIR.test(file) && !CONTAINERS.test(file));
  const taken = new Set([...onCluster, ...repairs, ...containers, ...inference]);
  const scenarios = others.filter((file) => !taken.has(file));
  // What needs a cluster, or docker builds, waits for it most of the time.
  const early = [
    oneByOne(onCluster),
    oneByOne(repairs.filter((file) => BUILDS.test(file))),
    oneByOne(scenarios.filter((file) => UNTIMED.test(file))),
  ];
  const unit = await bunTest([`--parallel=${workers}`, "--timeout", String(UNIT_TIMEOUT_MS), "--only-failures", ...units]);
  early.push(oneByOne(containers));
  // These measure time: little beside them.
  const chaos = await oneByOne(scenarios.filter((file) => file.startsWith(CHAOS) && !UNTIMED.test(file)));
  const rest = scenarios.filter((file) => !file.startsWith(CHAOS));
  const even = (file: string): boolean => EVEN.test(file);
  const fixing = [...repairs.filter((file) => !BUILDS.test(file)), ...rest.filter(even)];
  const lanes = [rest.filter((file) => !even(file)), inference, fixing];
  return [unit, chaos, ...(await Promise.all([...early, ...lanes.map(oneByOne)]))];
}

async function oneByOne(files: readonly string[]): Promise<Counts> {
  return files.length === 0 ? { passed: 0, failed: 0, failures: [] } : bunTest(["--timeout", String(SCENARIO_TIMEOUT_MS), ...files]);
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
  return { passed: count(printed, "pass"), failed: code === 0 ? failed : Math.max(1, failed), failures: failuresIn(printed) };
}

/** What stands between the result of the test before it and its own; the summary of all lists failures again, without it. */
function failuresIn(printed: string): string[] {
  const found: string[] = [];
  let lines: string[] = [];
  for (const line of printed.split("\n")) {
    if (/^\d+ tests? failed:$/.test(line)) break;
    if (/^\((?:pass|skip|todo)\) /.test(line)) lines = [];
    else if (line !== "" || lines.length > 0) lines.push(line);
    if (!line.startsWith("(fail) ")) continue;
    found.push(lines.slice(-SHOWN_LINES).join("\n"));
    lines = [];
  }
  return found;
}

/** The last ` 12 pass` or ` 0 fail` of the summary. */
function count(printed: string, what: "pass" | "fail"): number {
  const [last] = [...printed.matchAll(new RegExp(`^\\s*(\\d+) ${what}$`, "gm"))].slice(-1);
  return Number(last?.[1] ?? 0);
}
