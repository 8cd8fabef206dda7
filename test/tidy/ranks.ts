import type { Import } from "./source.ts";

/**
 * Imports point downward only: a folder may import from folders of a lower rank, and from itself.
 * Folders of one rank are blind to each other.
 */
const RANKS: Readonly<Record<string, number>> = {
  kernel: 0,
  supervise: 1,
  edge: 1,
  workflow: 1,
  stack: 2,
  deploy: 2,
  runs: 2,
  inference: 2,
  repair: 2,
  http: 3,
  retention: 3,
  daemon: 4,
  worker: 4,
  node: 4,
};

/** The other side of the socket: what each may import besides itself. `types` are `import type` only. */
const OUTSIDE: Readonly<Record<string, { values: readonly string[]; types: readonly string[] }>> = {
  client: { values: ["kernel"], types: ["supervise", "workflow", "stack", "deploy", "runs", "inference", "repair", "http"] },
  terminal: { values: ["kernel"], types: ["supervise", "workflow", "stack", "deploy", "runs", "inference", "repair", "http"] },
  cli: {
    values: ["kernel", "client", "terminal"],
    types: ["supervise", "workflow", "stack", "deploy", "runs", "inference", "repair", "http"],
  },
  tui: {
    values: ["kernel", "client", "terminal"],
    types: ["supervise", "workflow", "stack", "deploy", "runs", "inference", "repair", "http"],
  },
  web: { values: ["kernel", "client"], types: ["supervise", "workflow", "stack", "deploy", "runs", "inference", "repair", "http"] },
  main: { values: ["kernel", "cli", "daemon"], types: [] },
};

/** Single files that may import more, and why. */
const GRANTS: readonly { readonly file: RegExp; readonly folders: readonly string[]; readonly why: string }[] = [
  { file: /^src\/cli\/(graph|lint)(-[a-z]+)?\.ts$/, folders: ["stack"], why: "graph and lint work offline" },
  { file: /^src\/cli\/(top|foreground(-screen)?)\.ts$/, folders: ["tui"], why: "`orco top`, and `orco up` on a terminal" },
  { file: /^src\/cli\/import(-[a-z]+)?\.ts$/, folders: ["stack"], why: "import works offline" },
  { file: /^src\/cli\/serve\.ts$/, folders: ["daemon"], why: "`orco serve` is the daemon" },
  { file: /^src\/cli\/edge-worker\.ts$/, folders: ["edge"], why: "`orco edge-worker` is a worker" },
  { file: /^src\/cli\/repair-analyze\.ts$/, folders: ["repair"], why: "`orco repair analyze` works offline" },
  { file: /^src\/cli\/mock-engine\.ts$/, folders: ["inference"], why: "`orco mock-engine` is a server of its own" },
  { file: /^src\/cli\/worker\.ts$/, folders: ["worker"], why: "`orco worker` is a worker of runs" },
  { file: /^src\/cli\/node\.ts$/, folders: ["node"], why: "`orco node` is a node" },
  { file: /^src\/node\/local\.ts$/, folders: ["client"], why: "a node is a client of its own daemon and of the control plane" },
  { file: /^src\/worker\/(run-api|daemon-queue)\.ts$/, folders: ["client"], why: "a worker is a client of the daemon" },
  { file: /^src\/http\/.*\.(test|suite)\.ts$/, folders: ["client"], why: "HTTP is tested through the project's own client" },
];

const TEST_FILE = /\.(test|suite)\.ts$/;
/** Outside src: what tests share, and the version. */
const SHARED_BY_TESTS = /^test\//;
const MANIFEST = "package.json";
/** Black-box suites know nothing of orco; one command runs them. */
const SUITES = /^conformance\//;
const RUNS_SUITES = /^src\/cli\/conformance\.ts$/;

/** `src/kernel/clock.ts` → kernel, `src/main.ts` → main. */
export function folderOf(path: string): string {
  return (path.split("/")[1] ?? "").replace(/\.ts$/, "");
}

/** Why the import is not allowed; undefined when it is. */
export function refuseImport(from: string, to: string, { typeOnly }: Pick<Import, "typeOnly">): string | undefined {
  if (RUNS_SUITES.test(from) && SUITES.test(to)) return undefined;
  if (to === MANIFEST || (TEST_FILE.test(from) && SHARED_BY_TESTS.test(to))) return undefined;
  if (!to.startsWith("src/")) return "code in src imports only from src";
  const [source, target] = [folderOf(from), folderOf(to)];
  if (source === target || GRANTS.some((grant) => grant.file.test(from) && grant.folders.includes(target))) return undefined;
  const outside = OUTSIDE[source];
  if (outside)
    return outside.values.includes(target) || (typeOnly && outside.types.includes(target))
      ? undefined
      : `${source} may not import from ${target}`;
  const [rank, below] = [RANKS[source], RANKS[target]];
  if (rank === undefined || below === undefined) return `${rank === undefined ? source : target} has no rank`;
  return below < rank ? undefined : `${source} (rank ${rank}) may not import from ${target} (rank ${below})`;
}
