import type { Clock } from "../kernel/clock.ts";
import { allPids, environOf, isAlive, readStat } from "./proc.ts";
import type { Identity } from "./runtime.ts";

/** Variable in the environment of everything an instance starts. */
export const MARKER = "ORCO_INSTANCE";
/** Scans of /proc may use this share of a core, however many instances end at once. */
const SCAN_SHARE = 0.2;
/** A scan that took long because the machine is busy does not put the next one off for longer than this. */
const MAX_SCAN_PAUSE_MS = 30;

/**
 * An identity, and the marker of the instance where the process carries it: start times count in hundredths of a second, within
 * which a pid can pass to a stranger.
 */
export interface Proof extends Identity {
  readonly marker?: string;
}

/** Is it still the very process it was? A zombie is not: it can neither act nor be signalled. */
export function proves(proof: Proof, boot: string): boolean {
  return isThere(proof, boot) && (proof.marker === undefined || markerOf(proof.pid) === proof.marker);
}

/**
 * Is it certainly not that process any more? Between the fork and the end of the exec the kernel shows an empty environment, and on a busy machine that lasts
 * long enough to be looked at: such a process proves nothing yet, and must not be signalled, but it has not ended.
 */
export function disproves(proof: Proof, boot: string): boolean {
  if (!isThere(proof, boot)) return true;
  return proof.marker !== undefined && environOf(proof.pid) !== undefined && markerOf(proof.pid) !== proof.marker;
}

/** By pid and start time alone. */
function isThere({ bootId, pid, startTime }: Identity, boot: string): boolean {
  const stat = bootId === boot ? readStat(pid) : undefined;
  return isAlive(stat) && stat.startTime === startTime;
}

function markerOf(pid: number): string | undefined {
  return environOf(pid)
    ?.find((line) => line.startsWith(`${MARKER}=`))
    ?.slice(MARKER.length + 1);
}

/** The present owner of a pid; undefined when nobody (alive) has it. */
export function identify(pid: number, boot: string): Identity | undefined {
  const stat = readStat(pid);
  return isAlive(stat) ? { bootId: boot, pid, startTime: stat.startTime } : undefined;
}

type Marked = ReadonlyMap<string, readonly Proof[]>;

/** Finds processes by the marker in their environment, which double forks, setsid and the death of a parent leave in place. */
export class MarkerSweep {
  private scheduled: Promise<Marked> | undefined;
  private notBefore = 0;

  constructor(
    private readonly clock: Clock,
    private readonly boot: string,
  ) {}

  /** What lives of the instance, as of a scan that began after this call. Calls that wait together share one scan. */
  async find(instance: string): Promise<readonly Proof[]> {
    this.scheduled ??= this.schedule();
    return (await this.scheduled).get(instance) ?? [];
  }

  private async schedule(): Promise<Marked> {
    const waitMs = this.notBefore - this.clock.monotonic();
    await (waitMs > 0 ? this.clock.sleep(waitMs) : Promise.resolve());
    this.scheduled = undefined;
    const began = this.clock.monotonic();
    const found = scan(this.boot);
    const ended = this.clock.monotonic();
    this.notBefore = ended + Math.min((ended - began) * (1 / SCAN_SHARE - 1), MAX_SCAN_PAUSE_MS);
    return found;
  }
}

function scan(boot: string): Marked {
  const found = new Map<string, Proof[]>();
  for (const pid of allPids()) {
    // A daemon that was started from within a service carries that service's marker; it must not end with it.
    if (pid === process.pid) continue;
    // First the identity, then the environment: a pid that changes hands in between no longer proves the identity.
    const identity = identify(pid, boot);
    const marker = markerOf(pid);
    if (identity && marker !== undefined) found.set(marker, [...(found.get(marker) ?? []), { ...identity, marker }]);
  }
  return found;
}
