import fc from "fast-check";
import type { FakeExecution } from "./runner.fake.ts";

/** Random runs: what their steps do, and what is done to them meanwhile. */

const OUTCOMES = ["ok", "ok", "fail", "final", "lost", "hang", "promise"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface StoryStep {
  readonly id: string;
  readonly needs: readonly string[];
  readonly when: "success" | "failure" | "always";
  readonly kind: "command" | "http" | "each" | "answered" | "signalled" | "expires";
  /** Of `each`: for every item how its executions end, one after the other, and well after these; of others for item 0. */
  readonly items: readonly (readonly Outcome[])[];
  readonly limit: number;
  readonly retries: number;
}

export type Happening =
  | { readonly what: "end" | "answer" | "gone"; readonly nth: number }
  | { readonly what: "advance"; readonly ms: number }
  | { readonly what: "die" | "pause" | "resume" | "cancel" | "force" | "fault" | "unheard" };

export interface Story {
  readonly steps: readonly StoryStep[];
  readonly maxParallel: number;
  readonly happenings: readonly Happening[];
}

/** Longer than all that happens: only what hangs reaches it. */
export const TIMEOUT_MS = 3_600_000;
const KINDS = ["command", "command", "command", "http", "each", "each", "answered", "signalled", "expires"] as const;

function step(nth: number): fc.Arbitrary<StoryStep> {
  return fc
    .record({
      needs: fc.uniqueArray(fc.nat(Math.max(0, nth - 1)), { maxLength: Math.min(nth, 3) }),
      when: fc.constantFrom("success" as const, "success" as const, "failure" as const, "always" as const),
      kind: fc.constantFrom(...KINDS),
      items: fc.array(fc.array(fc.constantFrom(...OUTCOMES), { maxLength: 3 }), { minLength: 0, maxLength: 4 }),
      limit: fc.integer({ min: 1, max: 3 }),
      retries: fc.nat(2),
    })
    .map((one) => ({ ...one, id: `s${nth}`, needs: one.needs.map((need) => `s${need}`) }));
}

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant("end" as const), nth: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("advance" as const), ms: fc.constantFrom(1, 100, 300, 1000) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom("answer" as const, "gone" as const), nth: fc.nat(5) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constantFrom("die" as const, "die" as const, "pause" as const, "resume" as const, "fault" as const, "unheard" as const),
    }),
  },
);
const ending: fc.Arbitrary<Happening[]> = fc.constantFrom([], [], [{ what: "cancel" }], [{ what: "cancel" }, { what: "force" }]);

export const story: fc.Arbitrary<Story> = fc
  .record({
    steps: fc.integer({ min: 1, max: 8 }).chain((size) => fc.tuple(...Array.from({ length: size }, (_, nth) => step(nth)))),
    maxParallel: fc.integer({ min: 1, max: 4 }),
    before: fc.array(happening, { maxLength: 20 }),
    ending,
    after: fc.array(happening, { maxLength: 10 }),
  })
  .map(({ before, ending: wish, after, ...rest }) => ({ ...rest, happenings: [...before, ...wish, ...after] }));

export function planOf({ steps, maxParallel }: Story): object {
  return { max_parallel: maxParallel, steps: steps.map(specOf) };
}

function specOf({ id, needs, when, kind, items, limit, retries }: StoryStep): object {
  const common = { id, needs, when };
  const executed = { ...common, timeout_ms: TIMEOUT_MS, outputs: ["out"], retry: { max: retries, backoff: { min_ms: 50, max_ms: 80 } } };
  switch (kind) {
    case "command":
      return { ...executed, command: ["x"] };
    case "http":
      return { ...executed, http: { url: "http://x" } };
    case "each":
      return { ...executed, command: ["x", "${index}"], for_each: { items: items.map((_, index) => index), max_parallel: limit } };
    case "answered":
      return { ...common, approval: {} };
    case "expires":
      return { ...common, approval: { expires_ms: 700 } };
    case "signalled":
      return { ...common, wait_for: {} };
  }
}

/** Ends an execution as its story says. What hangs goes on. */
export function play(execution: FakeExecution, outcome: Outcome): void {
  if (outcome === "ok") execution.complete({ out: execution.order.step });
  if (outcome === "promise") execution.complete({ other: 1 });
  if (outcome === "fail" || outcome === "final") execution.fail("exit 1", outcome === "final");
  if (outcome === "lost") execution.lose();
}

/** How each step of a run ends that nobody cancels. */
export function model({ steps }: Story): Map<string, string> {
  const ends = new Map<string, string>();
  const caused = new Set<string>();
  for (const one of steps) {
    const byFailure = one.needs.some((need) => caused.has(need));
    const runs = one.when === "always" || (one.when === "failure" ? byFailure : one.needs.every((need) => ends.get(need) === "completed"));
    const end = runs ? ownEnd(one) : "skipped";
    if (end === "failed" || (end === "skipped" && byFailure)) caused.add(one.id);
    ends.set(one.id, end);
  }
  return ends;
}

function ownEnd({ kind, items, retries }: StoryStep): string {
  if (kind === "expires") return "failed";
  if (kind === "answered" || kind === "signalled") return "completed";
  const executed = kind === "each" ? items : [items[0] ?? []];
  return executed.every((outcomes) => endsWell(outcomes, retries)) ? "completed" : "failed";
}

function endsWell(outcomes: readonly Outcome[], retries: number): boolean {
  let failures = 0;
  for (const outcome of outcomes) {
    if (outcome === "ok") return true;
    if (outcome === "final") return false;
    if (outcome !== "lost") failures += 1;
    if (failures > retries) return false;
  }
  return true;
}
