import type { Clock } from "../kernel/clock.ts";
import { allPids, environOf, isAlive, readStat } from "./proc.ts";
import type { Identity } from "./runtime.ts";

/** Variable in the environment of everything an instance starts. */
export const MARKER = "ORCO_INSTANCE";
/** Scans of /proc may use this share of a core, however many instances end at once. */
const SCAN_SHARE = 0.2;

/** Is it still the very process it was? A zombie is not: it can neither act nor be signalled. */
export function proves(identity: Identity, boot: string): boolean {
  if (identity.bootId !== boot) return false;
  const stat = readStat(identity.pid);
  return isAlive(stat) && stat.startTime === identity.startTime;
}

/** The present owner of a pid; undefined when nobody (alive) has it. */
export function identify(pid: number, boot: string): Identity | undefined {
  const stat = readStat(pid);
  return isAlive(stat) ? { bootId: boot, pid, startTime: stat.startTime } : undefined;
}

type Marked = ReadonlyMap<string, readonly Identity[]>;

/** Finds processes by the marker in their environment, which double forks, setsid and the death of a parent leave in place. */
export class MarkerSweep {
  private scheduled: Promise<Marked> | undefined;
  private notBefore = 0;

  constructor(
    private readonly clock: Clock,
    private readonly boot: string,
  ) {}

  /** What lives of the instance, as of a scan that began after this call. Calls that wait together share one scan. */
  async find(instance: string): Promise<readonly Identity[]> {
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
    this.notBefore = ended + (ended - began) * (1 / SCAN_SHARE - 1);
    return found;
  }
}

function scan(boot: string): Marked {
  const found = new Map<string, Identity[]>();
  for (const pid of allPids()) {
    // A daemon that was started from within a service carries that service's marker; it must not end with it.
    if (pid === process.pid) continue;
    // First the identity, then the environment: a pid that changes hands in between no longer proves the identity.
    const identity = identify(pid, boot);
    const instance = identity && environOf(pid)?.find((line) => line.startsWith(`${MARKER}=`));
    if (!identity || instance === undefined) continue;
    const name = instance.slice(MARKER.length + 1);
    found.set(name, [...(found.get(name) ?? []), identity]);
  }
  return found;
}
