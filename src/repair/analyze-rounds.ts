import type { Clock } from "../kernel/clock.ts";
import type { Bench } from "./analyze-bench.ts";
import { type Diagnose, suspects } from "./analyze-evidence.ts";
import { placeOf, progress, type Trial } from "./analyze-trial.ts";
import { collect, type Collected, sourceOf } from "./evidence/collect.ts";
import type { Diagnosis, Evidence, FileEdit, Finding, Remedy } from "./finding.ts";
import type { Work } from "./target.ts";

/** Faults of one service that are mended, one after another (repair.md, "Settled points"). */
const MAX_ROUNDS = 4;
/** Builds in all: explanations that prove wrong cost one each. */
const MAX_TRIALS = 12;
const MAX_RETRIES = 2;
const RETRY_MS = 5000;

export interface RoundsOptions {
  readonly bench: Bench;
  readonly diagnose: Diagnose;
  /** All that is read besides trial builds. */
  readonly collected: Omit<Collected, "build">;
  /** False: there is nothing to build. */
  readonly builds: boolean;
  readonly clock: Clock;
  readonly work: Work;
}

/** What ended the rounds: a finding that no patch mends, or that may pass. */
interface Stop {
  readonly by: "report" | "retry";
  readonly finding: Finding;
}

/** Diagnoses, mends in the copy and builds it, until it builds and nothing more is found, or nothing helps. */
export class Rounds {
  readonly mended: Finding[] = [];
  /** What was suspected and could not be mended. */
  readonly dropped: Finding[] = [];
  stop: Stop | undefined;
  /** The last of `mended` was never built. */
  isProposed = false;
  private trial: Trial | undefined;
  private trials = 0;
  private retries = 0;
  private readonly tried = new Set<string>();

  constructor(private readonly options: RoundsOptions) {}

  get builds(): boolean {
    return this.trial === undefined || this.trial.ok;
  }

  async run(): Promise<void> {
    if (this.options.builds) this.trial ??= await this.build();
    while (this.mended.length < MAX_ROUNDS && (await this.round()));
  }

  /** As it is now, with the last build where that failed. */
  evidence(): Evidence {
    const { trial } = this;
    return collect({ ...this.options.collected, ...(trial && !trial.ok && { build: trial.log }) });
  }

  /** Keeps it without a build. False: it is not to be had, or no patch may do it. */
  async propose(finding: Finding, edits: readonly FileEdit[]): Promise<boolean> {
    const undo = await this.options.bench.apply({ kind: "edits", edits });
    if (undo === "refused") this.stop ??= { by: "report", finding };
    if (undo === undefined || undo === "refused") return false;
    this.mended.push(finding);
    this.isProposed = true;
    this.options.work.onLine("not built: somebody has to agree to it first");
    return true;
  }

  /** Keeps it only where the build gets further with it. */
  async attempt(finding: Finding, remedy: Remedy): Promise<boolean> {
    const { bench, work } = this.options;
    const before = this.trial;
    if (!before || this.trials >= MAX_TRIALS) return false;
    const undo = await bench.apply(remedy);
    if (undo === "refused") this.stop ??= { by: "report", finding };
    if (undo === undefined || undo === "refused") return false;
    const after = await this.buildAgain(before);
    if (await this.helped(finding, before, after)) {
      this.trial = after;
      this.mended.push(finding);
      return true;
    }
    work.onLine("the build gets no further with it: taken back");
    await undo();
    return false;
  }

  /** True: something has changed, so that it is worth another look. */
  private async round(): Promise<boolean> {
    const { bench, diagnose } = this.options;
    const snapshot = await bench.snapshot();
    const found = suspects(this.evidence(), snapshot, diagnose).filter((one) => !this.tried.has(this.keyOf(one)) && !this.isOld(one));
    for (const diagnosis of found) {
      const ended = await this.take(diagnosis);
      if (ended !== undefined) return ended === "again";
    }
    return false;
  }

  /** Undefined: the next explanation is to be looked at. */
  private async take(diagnosis: Diagnosis): Promise<"again" | "stop" | undefined> {
    const { finding, remedy } = diagnosis;
    const { work } = this.options;
    work.onLine(`found: ${finding.cause}`);
    if (finding.verdict === "retry") return this.retry(diagnosis);
    if (finding.verdict === "report" || !remedy || !this.options.builds) {
      if (this.mended.length > 0 && this.builds) return undefined;
      this.stop = { by: "report", finding };
      return "stop";
    }
    this.tried.add(this.keyOf(diagnosis));
    work.onLine(`trying: ${finding.remedy}`);
    if (await this.attempt(finding, remedy)) return "again";
    this.dropped.push(finding);
    return undefined;
  }

  private async retry(diagnosis: Diagnosis): Promise<"again" | "stop"> {
    const { clock, work } = this.options;
    if (this.builds || this.retries >= MAX_RETRIES || this.trials >= MAX_TRIALS) {
      this.stop = { by: "retry", finding: diagnosis.finding };
      return "stop";
    }
    this.retries++;
    work.onLine(`trying the same again in ${RETRY_MS / 1000} s (${this.retries} of ${MAX_RETRIES})`);
    await clock.sleep(RETRY_MS, work.signal);
    this.trial = await this.build();
    return "again";
  }

  /** One that hangs where the build before did not is tried once more: a registry may have stopped to answer. */
  private async buildAgain(before: Trial): Promise<Trial> {
    const trial = await this.build();
    if (!trial.timedOut || before.timedOut || this.retries >= MAX_RETRIES || this.trials >= MAX_TRIALS) return trial;
    this.retries++;
    return this.build();
  }

  private async build(): Promise<Trial> {
    const { bench, work } = this.options;
    this.trials++;
    work.onLine(`trial build ${this.trials}`);
    const trial = await bench.trial();
    work.onLine(trial.ok ? "it builds" : trial.timedOut ? "the trial build did not end in time" : "the trial build failed");
    return trial;
  }

  /** At the same place the fault itself has to be gone: another may have come to light. */
  private async helped(finding: Finding, before: Trial, after: Trial): Promise<boolean> {
    const how = progress(before, after);
    if (how !== "same") return how === "further";
    const line = (finding.evidence[0] ?? "").replace(/^\w+:\d+: /, "");
    if (line !== "" && after.log.lines.some((said) => said.slice(0, line.length) === line)) return false;
    const { bench, diagnose, collected } = this.options;
    const evidence = collect({ build: after.log, ...(collected.mask && { mask: collected.mask }) });
    const still = diagnose(evidence, await bench.snapshot());
    return still.every(({ finding: { signature } }) => signature !== finding.signature);
  }

  /** Said before it was mended. */
  private isOld({ finding }: Diagnosis): boolean {
    return sourceOf(finding.evidence) !== "build" && this.mended.some(({ signature }) => signature === finding.signature);
  }

  /** A fault of the build may be there twice, at two places; any other is tried once. */
  private keyOf({ finding }: Diagnosis): string {
    return this.trial && sourceOf(finding.evidence) === "build" ? `${finding.signature}@${placeOf(this.trial)}` : finding.signature;
  }
}
