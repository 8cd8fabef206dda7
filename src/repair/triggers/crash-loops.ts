import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { formatSpan } from "../../kernel/duration.ts";
import type { Admitted, Origin } from "../desk.ts";
import type { NewRepair } from "../service.ts";
import { afterFailure, CRASH_LOOP, type Loop, type LoopVerdict } from "./crash-loop.ts";

/** Services that are remembered; the one that failed longest ago goes first. */
const MAX_LOOPS = 1000;
/** Ended runs that are remembered: each is told of more than once. */
const MAX_RUNS = 4096;
/** Repairs that are being asked for at a time; what comes beyond is told again with its next failures. */
const MAX_STARTING = 8;
const MAX_LOG_LINES = 200;
/** After a repair that was refused: as long nobody asks for another. */
const PAUSE_MS = 60_000;
const REQUESTER = { id: "orco" };

/** A run of a service has failed. */
export interface Sighting {
  readonly kind: "compose" | "stack";
  readonly project: string;
  readonly service: string;
  /** Names the run: it counts once. */
  readonly run: string;
  readonly version: string;
  readonly gaveUp: boolean;
  /** How it ended, e.g. `exit code 1`. */
  readonly how: string;
  /** When the run that failed was started, where that is known. Epoch ms. */
  readonly beganAt?: number;
  readonly logs: () => Promise<readonly string[]>;
}

interface CrashLoopsOptions {
  readonly clock: Clock;
  readonly admit: (target: string) => Promise<Pick<Admitted, "kind" | "profile">>;
  readonly create: (request: NewRepair, origin: Origin) => Promise<unknown>;
  /** A repair of it is under way, queued, or waits for somebody. */
  readonly isBusy: (project: string, service: string) => boolean;
  /** When a crash loop of it last started a repair, of a former daemon too. Epoch ms. */
  readonly lastStarted: (project: string, service: string) => number | undefined;
  readonly log: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly onError: (error: unknown) => void;
}

/** Starts a repair for each crash loop of a service that asks for it. Nothing that goes wrong here reaches those who tell of failures. */
export class CrashLoops {
  /** Those that failed last come last. */
  private readonly loops = new Map<string, Loop>();
  private readonly runs = new Set<string>();
  private readonly starting = new Set<string>();
  /** Services whose last loop this very daemon has seen. */
  private readonly started = new Set<string>();
  /** Until when nothing is asked for, as the monotonic clock has it. */
  private readonly pauses = new Map<string, number>();

  constructor(private readonly options: CrashLoopsOptions) {}

  saw(sighting: Sighting): void {
    const key = keyOf(sighting);
    const run = `${key}/${sighting.run}/${sighting.gaveUp}`;
    if (this.runs.has(run) || this.starting.size >= MAX_STARTING) return;
    bounded(this.runs.add(run), MAX_RUNS);
    const { version, gaveUp } = sighting;
    const { loop, found } = afterFailure(this.loops.get(key), { version, gaveUp, atMs: this.options.clock.monotonic() });
    this.loops.delete(key);
    bounded(this.loops.set(key, loop), MAX_LOOPS);
    if (!found || this.starting.has(key)) return;
    // It is found again with its next failures.
    if ((this.pauses.get(key) ?? 0) > this.options.clock.monotonic()) this.loops.delete(key);
    else void this.start(sighting, found);
  }

  private async start(sighting: Sighting, found: NonNullable<LoopVerdict["found"]>): Promise<void> {
    const key = keyOf(sighting);
    this.starting.add(key);
    try {
      await this.repair(sighting, found);
    } catch (error) {
      // What is in the way may go: it is found again with its next failures.
      this.loops.delete(key);
      const isAway = error instanceof OrcoError && error.code === "docker_unavailable";
      if (!isAway) bounded(this.pauses.set(key, this.options.clock.monotonic() + PAUSE_MS), MAX_LOOPS);
      this.options.log("a crash loop is not repaired", { service: key, why: messageOf(error) });
      if (!(error instanceof OrcoError)) this.options.onError(error);
    } finally {
      this.starting.delete(key);
    }
  }

  private async repair(sighting: Sighting, found: NonNullable<LoopVerdict["found"]>): Promise<void> {
    const { project, service, kind } = sighting;
    const { admit, create, log } = this.options;
    const key = keyOf(sighting);
    if (this.isTakenCareOf(sighting)) return;
    const { profile, kind: admitted } = await admit(`${project}/${service}`);
    if (profile.repair === "off" || admitted !== kind) {
      // Whoever asks for repairs later has them with the next failures.
      this.loops.delete(key);
      return;
    }
    const logs = (await sighting.logs()).slice(-MAX_LOG_LINES).join("\n");
    if (this.isTakenCareOf(sighting)) return;
    bounded(this.started.add(key), MAX_LOOPS);
    const instruction = instructionOf(sighting, found);
    const request: NewRepair = {
      instruction,
      targetService: `${project}/${service}`,
      priority: "normal",
      requestedBy: REQUESTER,
      dryRun: false,
      ...(logs !== "" && { logs }),
    };
    await create(request, { trigger: "crash_loop", propose: profile.repair === "propose" });
    log("a crash loop starts a repair", { service: key, why: instruction });
  }

  private isTakenCareOf(sighting: Sighting): boolean {
    const { isBusy, lastStarted, clock } = this.options;
    const { project, service, beganAt = Infinity } = sighting;
    if (isBusy(project, service)) return true;
    const known = lastStarted(project, service) ?? -Infinity;
    // One that is to come was noted before the clock was set back.
    const lastAt = known > clock.now() ? -Infinity : known;
    if (lastAt >= beganAt) return true;
    // A former daemon may have seen this very loop.
    return !this.started.has(keyOf(sighting)) && clock.now() - lastAt < CRASH_LOOP.quietMs;
  }
}

function instructionOf({ service, how }: Sighting, { runs, withinMs }: NonNullable<LoopVerdict["found"]>): string {
  const count = runs === 1 ? "its run failed" : `${runs} runs failed within ${formatSpan(withinMs)}`;
  return `${service} is in a crash loop: ${count}, the last one with ${how}; find out why, and mend it`.slice(0, 2000);
}

function keyOf({ kind, project, service }: Pick<Sighting, "kind" | "project" | "service">): string {
  return `${kind} ${project}/${service}`;
}

/** The oldest go. */
function bounded(all: Set<string> | Map<string, unknown>, most: number): void {
  for (const key of all.keys()) {
    if (all.size <= most) return;
    all.delete(key);
  }
}
