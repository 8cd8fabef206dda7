import { createHash } from "node:crypto";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { Bench } from "./analyze-bench.ts";
import { type Diagnose, isFine, reportLines } from "./analyze-evidence.ts";
import { Rounds } from "./analyze-rounds.ts";
import { diagnose } from "./catalogue/catalogue.ts";
import type { CopyChange } from "./copy/copy-files.ts";
import { makeCopy, removeCopy } from "./copy/make-copy.ts";
import { buildPlaces } from "./copy/snapshot-of.ts";
import type { Tools } from "./copy/tools.ts";
import type { ReadLog } from "./evidence/log-reader.ts";
import type { FileEdit, Finding } from "./finding.ts";
import type { Planner } from "./host.ts";
import type { ServiceConfig } from "./project.ts";
import type { Copy, Inspection, Target, Work } from "./target.ts";

export interface AnalyzeRequest {
  readonly service: string;
  /** Absolute, without symbolic links. */
  readonly workspace: string;
  readonly config: ServiceConfig;
  readonly target: Target;
  readonly tools: Tools;
  readonly instruction: string;
  /** Logs of the request: its lines, or what `readLog` kept of them. */
  readonly given?: readonly string[] | ReadLog;
  /** The catalogue unless given. */
  readonly diagnose?: Diagnose;
  /** Asked once, where nothing matches. */
  readonly planner?: Planner;
  /** May a patch change the file? Paths are relative to the workspace. */
  readonly allow: (path: string) => boolean;
  readonly work: Work;
  /** Folder for the copy: made, and gone at the end. */
  readonly root: string;
  /** Takes secrets out of a line of evidence. */
  readonly mask?: (line: string) => string;
  readonly clock?: Clock;
}

/**
 * plan: `changes` mend it, as far as a build tells. nothing: it builds, runs, and no given log says otherwise. unknown: something is wrong that nothing
 * explains, or that no explanation mended. report: known, but not to be mended by a patch of allowed files. retry: the network or a registry was away.
 */
export type Outcome = "plan" | "nothing" | "unknown" | "report" | "retry";

export interface Analysis {
  readonly outcome: Outcome;
  /** What is told first; null where nothing was found, or only suspected. */
  readonly finding: Finding | null;
  readonly findings: readonly Finding[];
  /** Of `plan` only. */
  readonly changes: readonly CopyChange[];
  /** Who thought of them. */
  readonly by: "rules" | "llm";
  /** For a person, `source:line: text`; at most 50. */
  readonly evidence: readonly string[];
  /** Is there a container of it? */
  readonly hasContainer: boolean;
  /** The strictest of all that was mended. */
  readonly verdict: "fix" | "approve";
}

/**
 * Finds what is wrong with a service and mends it in a copy, up to four faults one after another (repair.md, "analyze"); the operator's tree, containers
 * and tags stay as they are. Everything is told by `work.onLine`. Rejects as `makeCopy` and `Target.trial` do.
 */
export async function analyze(request: AnalyzeRequest): Promise<Analysis> {
  const { target, work } = request;
  const inspection = await target.inspect(work);
  const copy = await copyFor(request);
  try {
    return await analyzed(request, { copy, inspection });
  } finally {
    await removeCopy(copy);
  }
}

async function copyFor({ workspace, config, root, work }: AnalyzeRequest): Promise<Copy> {
  const places = buildPlaces(workspace, config);
  if (!places) return { root };
  work.onLine(`copying ${places.directory === "" ? "the workspace" : places.directory}`);
  return makeCopy({ workspace, ...places, into: root, signal: work.signal });
}

async function analyzed(request: AnalyzeRequest, { copy, inspection }: { copy: Copy; inspection: Inspection }): Promise<Analysis> {
  const bench = new Bench({ ...request, copy });
  const { given, mask, work, clock = systemClock() } = request;
  const rounds = new Rounds({
    bench,
    diagnose: request.diagnose ?? diagnose,
    collected: { inspection, ...(given && { given }), ...(mask && { mask }) },
    builds: request.config.build !== undefined,
    clock,
    work,
  });
  await rounds.run();
  const isPlanned = outcomeOf(rounds, inspection) === "unknown" && (await planned(request, { bench, rounds }));
  const outcome = outcomeOf(rounds, inspection);
  const evidence = reportLines(rounds.evidence());
  for (const line of [...evidence, `outcome: ${outcome}`]) work.onLine(line);
  const findings = [...rounds.mended, ...(rounds.stop ? [rounds.stop.finding] : []), ...rounds.dropped];
  const primary = outcome === "plan" ? rounds.mended[0] : (rounds.stop?.finding ?? rounds.mended[0]);
  return {
    outcome,
    finding: primary ?? null,
    findings,
    changes: outcome === "plan" ? await bench.changed() : [],
    by: isPlanned ? "llm" : "rules",
    evidence,
    hasContainer: inspection.state !== undefined,
    verdict: rounds.mended.some(({ verdict }) => verdict === "approve") ? "approve" : "fix",
  };
}

function outcomeOf({ mended, stop, dropped, builds, isProposed }: Rounds, { state }: Inspection): Outcome {
  if (mended.length > 0 && (builds || isProposed)) return "plan";
  if (stop) return stop.by;
  return builds && dropped.length === 0 && isFine(state) ? "nothing" : "unknown";
}

/** Asks the planner. What it proposes is not built before somebody has agreed: a build runs what it says, with the secrets of the build. */
async function planned(request: AnalyzeRequest, { bench, rounds }: { bench: Bench; rounds: Rounds }): Promise<boolean> {
  const { planner, instruction, work } = request;
  if (!planner) return false;
  const evidence = reportLines(rounds.evidence());
  const facts = { instruction, evidence, snapshot: await bench.snapshot() };
  const edits = await planner(facts, work);
  if (!edits || edits.length === 0) return false;
  return rounds.propose(plannersFinding(edits, evidence), edits);
}

/** Nobody has checked what a planner thinks of: somebody looks at it first. */
function plannersFinding(edits: readonly FileEdit[], evidence: readonly string[]): Finding {
  const paths = edits.map(({ path }) => path).join(", ");
  // Line numbers change from one run to the next; what they say does not.
  const what = evidence.map((line) => line.replace(/^(\w+):\d+:/, "$1:")).join("\n");
  return {
    signature: `planned:${createHash("sha256").update(what).digest("hex").slice(0, 16)}`,
    cause: "the catalogue does not know this fault; the planner has proposed a change",
    evidence: evidence.slice(0, 10),
    confidence: 0.5,
    verdict: "approve",
    remedy: `change ${paths} as the planner proposes`,
  };
}
