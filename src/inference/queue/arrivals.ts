import type { ServiceTime, ServiceTimes } from "./service-times.ts";

/** That are remembered. */
const ARRIVALS = 64;
/** Fewer say nothing of how often they come. */
const MIN_ARRIVALS = 4;

/** Tasks that will come, as those before them did. Times in ms. */
export interface Inflow {
  /** Between two of them. */
  readonly gaps: readonly number[];
  /** Since the last one. */
  readonly sinceMs: number;
  readonly service: ServiceTime;
}

/** When tasks of one class came, and how long they said they were. */
export class Arrivals {
  /** Oldest first. */
  private readonly last: { readonly at: number; readonly tokens: number | undefined }[] = [];

  add(at: number, tokens: number | undefined): void {
    this.last.push({ at, tokens });
    if (this.last.length > ARRIVALS) this.last.shift();
  }

  inflow(times: ServiceTimes, now: number): Inflow | undefined {
    const { last } = this;
    const newest = last.at(-1);
    if (!newest || last.length < MIN_ARRIVALS) return undefined;
    const gaps = last.slice(1).map(({ at }, n) => at - (last[n]?.at ?? at));
    return { gaps, sinceMs: now - newest.at, service: this.service(times) };
  }

  /** Of any one of them. */
  service(times: ServiceTimes): ServiceTime {
    const sized = this.last.flatMap(({ tokens }) => tokens ?? []);
    const tokens = sized.reduce((sum, each) => sum + each, 0);
    return times.mean({ tasks: this.last.length, tokens, unsized: this.last.length - sized.length });
  }
}
