/**
 * `npm test`: unit tests side by side, then the scenarios and the chaos rows, which start daemons and measure time.
 * What fails beside others is run once more alone, and both are told (docs/decisions/0021-tests-beside-others.md).
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
/** What they find, they find at random: a second run would look elsewhere. */
const RANDOM = /fuzz|model|random|redis-runs/;
/** More of them, and it is not the company they were in. */
const MOST_AGAIN = 4;

interface Failure {
  file: string;
  /** What the test has printed, with its name as the last one. */
  lines: readonly string[];
}

interface Counts {
  passed: number;
  failed: number;
  failures: readonly Failure[];
}

const given = process.argv.slice(2);
const counts = given.length > 0 ? [await bunTest(["--timeout", String(UNIT_TIMEOUT_MS), ...given])] : await everything();
const failures = counts.flatMap((each) => each.failures);
const excused = given.length > 0 ? [] : await passAlone(failures);
const passed = counts.reduce((sum, each) => sum + each.passed, excused.length);
const failed = counts.reduce((sum, each) => sum + each.failed, -excused.length);
if (given.length === 0) {
  show("What failed", new Set(failures).difference(new Set(excused)));
  show("Flaky: failed beside other tests, passed alone, and counted as passed. Find out why", new Set(excused));
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function show(title: string, those: ReadonlySet<Failure>): void {
  if (those.size === 0) return;
  const told = [...those].map(({ file, lines }) => [`${file}:`, ...lines.slice(-SHOWN_LINES)].join("\n"));
  console.log(`\n${title}:\n\n${told.join("\n\n")}`);
}

/** Those of files that pass when nothing runs beside them. A failure that names its seed found something, in whatever company. */
async function passAlone(failures: readonly Failure[]): Promise<Failure[]> {
  const files = Map.groupBy(failures, ({ file }) => file);
  if (files.size > MOST_AGAIN) return [];
  const excused: Failure[] = [];
  for (const [file, those] of files) {
    if (RANDOM.test(file) || those.some(({ lines }) => lines.some((line) => /\bseed\b/i.test(line)))) continue;
    console.log(`\n${file} failed beside other tests; once more, alone:`);
    const alone = await bunTest(["--timeout", String(SCENARIO_TIMEOUT_MS), file]);
    if (alone.failed === 0 && alone.passed > 0) excused.push(...those);
  }
  return excused;
}

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
function failuresIn(printed: string): Failure[] {
  const found: Failure[] = [];
  let file = "";
  let lines: string[] = [];
  for (const line of printed.split("\n")) {
    if (/^\d+ tests? failed:$/.test(line)) break;
    const heading = /^(\S+\.test\.ts):$/.exec(line)?.[1];
    if (heading !== undefined) file = `./${heading}`;
    if (heading !== undefined || /^\((?:pass|skip|todo)\) /.test(line)) lines = [];
    else if (line !== "" || lines.length > 0) lines.push(line);
    if (!line.startsWith("(fail) ")) continue;
    found.push({ file, lines });
    lines = [];
  }
  return found;
}

/** The last ` 12 pass` or ` 0 fail` of the summary. */
function count(printed: string, what: "pass" | "fail"): number {
  const [last] = [...printed.matchAll(new RegExp(`^\\s*(\\d+) ${what}$`, "gm"))].slice(-1);
  return Number(last?.[1] ?? 0);
}
