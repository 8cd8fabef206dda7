import fc from "fast-check";
import type { Clock } from "../kernel/clock.ts";
import type { Json } from "../kernel/event.ts";
import type { RunContext, Workflow } from "./define.ts";
import type { Runs } from "./execute.ts";
import type { Death } from "./lives.fake.ts";

/** Random workflows: what they do to the world, and what is done to them. */
export interface Op {
  readonly name: string;
  readonly does: (typeof DOES)[number];
  readonly undo: (typeof UNDOES)[number];
}

const DOES = ["act", "act", "act", "slow", "break", "hang", "deaf", "signal", "silence", "approve", "reject"] as const;
const UNDOES = ["ok", "ok", "ok", "none", "break", "deaf"] as const;
/** What makes a run fail. */
const FAILING: ReadonlySet<string> = new Set(["break", "hang", "deaf", "silence", "reject"]);
const WAITS: ReadonlySet<string> = new Set(["signal", "silence", "approve", "reject"]);

export interface Story {
  /** One after the other; the members of one at the same time. */
  readonly groups: readonly (readonly Op[])[];
  /** At which turn of the drive it is cancelled. */
  readonly cancelAt: number | undefined;
  readonly deaths: readonly Death[];
}

export const story: fc.Arbitrary<Story> = fc
  .record({
    groups: fc.array(fc.array(fc.tuple(fc.constantFrom(...DOES), fc.constantFrom(...UNDOES)), { minLength: 1, maxLength: 3 }), {
      maxLength: 5,
    }),
    cancelAt: fc.option(fc.nat(40), { nil: undefined, freq: 3 }),
    deaths: fc.array(fc.record({ at: fc.integer({ min: 1, max: 14 }), when: fc.constantFrom("before" as const, "after" as const) }), {
      maxLength: 3,
    }),
  })
  .map(({ groups, ...rest }) => ({
    ...rest,
    groups: groups.map((group, g) =>
      group.map(([does, undo], n) => ({ name: `${g}.${n}-${does}`, does, undo: WAITS.has(does) ? "none" : undo })),
    ),
  }));

export interface World {
  readonly clock: Clock;
  add(name: string): void;
  delete(name: string): void;
}

export function fails({ groups }: Story): boolean {
  return groups.flat().some(({ does }) => FAILING.has(does));
}

export function effects({ groups }: Story): string[] {
  return groups.flat().flatMap(({ name, does }) => (WAITS.has(does) ? [] : [name]));
}

export function workflowOf({ groups }: Story, world: World): Workflow {
  return async (context) => {
    for (const group of groups) await Promise.all(group.map((op) => carryOut(context, op, world)));
    return "whole";
  };
}

function carryOut(context: RunContext, op: Op, world: World): Promise<Json | object> {
  const request = { summary: op.name, content: { op: op.name } };
  if (op.does === "signal") return context.waitFor(op.name, { what: "a signal" });
  if (op.does === "silence") return context.waitFor(op.name, { what: "nothing", timeoutMs: 3000 });
  if (WAITS.has(op.does)) return context.approval(op.name, { ...request, expiresMs: 1e9 });
  const undo = op.undo === "none" ? {} : { undo: () => undoing(op, world), undoTimeoutMs: 2000 };
  return context.step(op.name, (signal) => acting(op, world, signal), { timeoutMs: 5000, ...undo });
}

async function acting({ name, does }: Op, world: World, signal: AbortSignal): Promise<string> {
  if (does === "slow") await world.clock.sleep(3000, signal);
  if (does === "deaf") await world.clock.sleep(30_000);
  world.add(name);
  if (does === "hang") await world.clock.sleep(1e8, signal);
  if (does === "break") throw new Error(`${name} broke`);
  return name;
}

async function undoing({ name, undo }: Op, world: World): Promise<void> {
  if (undo === "break") throw new Error("undo broke");
  if (undo === "deaf") await new Promise(() => undefined);
  world.delete(name);
}

/** What the world outside does in every turn: signals, decisions. What comes too early or twice is refused, and not minded. */
export function outside({ groups }: Story, runs: Runs, run: string): void {
  const ignore = (): undefined => undefined;
  for (const { name, does } of groups.flat()) {
    if (does === "signal") void runs.deliver(run, name, `to ${name}`).catch(ignore);
    if (does === "approve" || does === "reject")
      void runs.decide(run, { step: name, decision: does, approver: { id: "me" } }).catch(ignore);
  }
}
