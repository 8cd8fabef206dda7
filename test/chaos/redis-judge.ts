import { expect } from "bun:test";
import type { Deed, Mixture, Sort } from "./redis-plans.ts";
import type { RedisRig } from "./redis-rig.ts";

/** A step that was begun and told to the daemon just as its run was cancelled elsewhere. */
const LATE_MS = 3000;
const FINAL = ["completed", "failed", "canceled"];

/** What was asked for. */
export interface Order {
  readonly id: string;
  readonly sort: Sort;
  readonly canceled: boolean;
}

interface Event {
  readonly topic_seq: number;
  readonly type: string;
  readonly ts: number;
  readonly data: Record<string, unknown>;
}

interface Step {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  readonly failures: number;
  readonly outputs?: object;
}

/** Holds every run against the journal and against what its steps wrote down. */
export class Judge {
  private readonly events = new Map<string, Event[]>();
  private readonly steps = new Map<string, Step[]>();
  private readonly status = new Map<string, string>();

  constructor(
    rig: RedisRig,
    private readonly mixture: Mixture,
  ) {
    for (const { topic, data, ...event } of rig.rows<Omit<Event, "data"> & { topic: string; data: string }>(
      "SELECT topic, topic_seq, type, ts, data FROM events WHERE topic GLOB 'run/*' ORDER BY seq",
    ))
      into(this.events, topic.slice("run/".length), { ...event, data: JSON.parse(data) as Event["data"] });
    for (const { run, row } of rig.rows<{ run: string; row: string }>("SELECT run, row FROM run_steps"))
      into(this.steps, run, JSON.parse(row) as Step);
    for (const { id, status } of rig.rows<{ id: string; status: string }>("SELECT id, status FROM runs")) this.status.set(id, status);
  }

  /** No run besides those that were asked for. */
  get count(): number {
    return this.status.size;
  }

  hold(order: Order): void {
    const { id, sort, canceled } = order;
    const events = this.events.get(id) ?? [];
    const said = `run ${id} (${sort.name}): ${events.map(story).join(", ")}`;
    expect([this.status.get(id), said]).toEqual([canceled ? "canceled" : sort.end, said]);
    this.holdEvents(events, String(this.status.get(id)), said);
    const deeds = this.mixture.deeds(id);
    for (const step of this.steps.get(id) ?? []) holdStep(step, events, { deeds, said });
    if (!canceled) this.holdResult(order, events, said);
    const over = events.at(-1)?.ts ?? 0;
    expect(
      deeds.filter(({ what, at }) => what === "begin" && at > over + LATE_MS),
      said,
    ).toEqual([]);
  }

  private holdEvents(events: readonly Event[], status: string, said: string): void {
    expect(
      events.map(({ topic_seq: n }) => n),
      said,
    ).toEqual(events.map((_, index) => index + 1));
    const ends = events.filter(({ type }) => FINAL.some((end) => type === `run.${end}`));
    expect([ends.length, events.at(-1)?.type, said]).toEqual([1, `run.${status}`, said]);
  }

  private holdResult({ id, sort }: Order, events: readonly Event[], said: string): void {
    const checkpoints = events.filter(({ type }) => type === "checkpoint").map(({ data }) => data["data"]);
    expect(checkpoints, said).toEqual([...sort.checkpoints]);
    const steps = new Map((this.steps.get(id) ?? []).map((step) => [step.id, step]));
    for (const [step, outputs] of Object.entries(sort.outputs)) expect([step, steps.get(step)?.outputs]).toEqual([step, outputs]);
    for (const { id: step, failures } of steps.values()) {
      const [least, most] = sort.failures[step] ?? [0, 0];
      expect([step, failures >= least && failures <= most, said]).toEqual([step, true, said]);
    }
  }
}

/** Whatever is recorded as completed was carried out, and never again after that; no execution happened twice. */
function holdStep(
  { id, status, attempt }: Step,
  events: readonly Event[],
  { deeds, said }: { deeds: readonly Deed[]; said: string },
): void {
  expect(["completed", "failed", "canceled", "skipped"], `${id} of ${said}`).toContain(status);
  const of = events.filter(({ data }) => data["step"] === id);
  const ended = of.findIndex(({ type }) => type === "step.completed");
  const begins = deeds.filter(({ what, step }) => what === "begin" && step === id);
  const numbers = begins.map((deed) => deed.attempt);
  expect([numbers, said]).toEqual([[...new Set(numbers)].filter((number) => number <= attempt), said]);
  if (ended === -1) return;
  expect([ended, of.length - 1, said]).toEqual([of.length - 1, of.length - 1, said]);
  const { ts = 0 } = of[ended] ?? {};
  expect(begins.filter(({ at }) => at > ts).map((deed) => [deed, said])).toEqual([]);
  const isLeaf = begins.length > 0;
  if (isLeaf) expect(deeds, said).toContainEqual(expect.objectContaining({ what: "end", step: id, attempt }));
}

function story({ type, data }: Event): string {
  const parts = [data["step"], data["attempt"], data["reason"]].filter((part) => part !== undefined);
  return [type, ...parts.map((part) => JSON.stringify(part))].join(" ");
}

function into<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
}
