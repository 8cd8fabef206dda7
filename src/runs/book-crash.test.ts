import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OrcoError } from "../kernel/errors.ts";
import { type Death, how, LEASE_MS, type Life, Lives, planOf, settled, step } from "./book/book.fake.ts";
import { checkDisk } from "./book/on-disk.fake.ts";
import type { RunRecord } from "./record.ts";

const TEST_MS = 60_000;
const RUNS = Number(process.env["ORCO_MODEL_RUNS"] ?? 40);

interface Scenario {
  readonly name: string;
  /** What is done, again and again, in the life of one daemon after the other; each call does what is still to be done. Stops at the first refusal. */
  readonly act: (life: Life, run: string, lives: Lives) => Promise<void>;
  readonly mode?: "local" | "redis";
  readonly ends: RunRecord["status"];
  readonly story: readonly string[];
}

const tokens = new Map<string, string>();

async function asWorker({ book }: Life, run: string, lives: Lives): Promise<void> {
  if (book.get(run).status === "pending") {
    const claim = await book.workers.claim(run, { worker: "w", dispatch: book.get(run).dispatch });
    tokens.set(run, claim.token);
  }
  const caller = { token: tokens.get(run) ?? "" };
  const known = (await book.workers.heartbeat(run, {}, caller)).steps;
  if (!known.some(({ id }) => id === "a"))
    await book.workers.report(run, { changes: [{ step: "a", event: "begin" }], checkpoints: [{ type: "c" }] }, caller);
  if (known.every(({ status }) => status !== "completed"))
    await book.workers.report(run, { changes: [{ step: "a", event: "finish" }] }, caller);
  await book.workers.finish(run, { status: "completed" }, caller);
  await lives.pass(0);
}

/** A driver that carries each step through, from where it is. */
async function asDriver({ book, driven }: Life, run: string): Promise<void> {
  await settled();
  if (!driven.some(({ id }) => id === run)) return;
  const ledger = book.ledger(run);
  for (const { id } of ledger.snapshot().plan.steps) {
    const { status } = ledger.snapshot().steps.get(id) ?? { status: "pending" };
    if (status === "pending") await ledger.record([{ step: id, event: "begin" }]);
    if (status !== "completed") await ledger.record([{ step: id, event: "finish" }], [{ type: "c", step: id }]);
  }
  await ledger.finish({ status: "completed" });
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: "a worker's run",
    act: asWorker,
    ends: "completed",
    story: ["run.pending", "run.running", "step.running a", "checkpoint", "step.completed a", "run.completed"],
  },
  {
    name: "a run of redis",
    act: asWorker,
    mode: "redis",
    ends: "completed",
    story: ["run.pending", "run.running", "step.running a", "checkpoint", "step.completed a", "run.completed"],
  },
  {
    name: "a run of this daemon",
    act: asDriver,
    ends: "completed",
    story: [
      "run.pending",
      "run.running",
      "step.running a",
      "step.completed a",
      "checkpoint",
      "step.running b",
      "step.completed b",
      "checkpoint",
      "run.completed",
    ],
  },
  {
    name: "a run of this daemon that is paused, resumed, and canceled",
    act: async (life, run) => {
      await settled();
      const { book } = life;
      if (book.get(run).status === "canceled") return;
      await book.ledger(run).record([]);
      if (!lifeStory(life, run).includes("run.paused")) await book.pause(run);
      if (book.get(run).status === "paused") await book.resume(run);
      const ledger = book.ledger(run);
      const canceled = book.cancel(run);
      canceled.catch(() => undefined);
      await settled();
      if (ledger.snapshot().run.cancelling) await ledger.finish({ status: "completed" });
      await canceled;
    },
    ends: "canceled",
    story: ["run.pending", "run.running", "run.paused", "run.running", "run.cancelling", "run.canceled"],
  },
];

function lifeStory(life: Life, run: string): string[] {
  return life.journal.read({ topic: `run/${run}`, limit: 1000 }).map(({ type }) => type);
}

async function live(
  { act, mode, name }: Scenario,
  deaths: readonly Death[],
): Promise<{ status: string; story: string[]; writes: number; ended: number }> {
  using lives = new Lives();
  const made = name === "a worker's run" ? {} : planOf(step("a"), ...(mode === "redis" ? [] : [step("b", { needs: ["a"] })]));
  const { id } = await lives.next().book.create({ ...made, webhook: "http://hook" }, how(mode));
  let writes = 0;
  for (const death of [...deaths, undefined]) {
    const life = lives.next(death);
    try {
      for (let turn = 0; turn < 3 && !life.journal.dead && !life.book.get(id).endedAt; turn++) await act(life, id, lives);
    } catch (error) {
      // What a worker was promised and never heard of runs out.
      if (!(error instanceof OrcoError) || !life.journal.dead) {
        if (!(error instanceof OrcoError)) throw error;
        await lives.pass(LEASE_MS + 1);
        if (!life.journal.dead) await act(life, id, lives);
      }
    }
    writes += life.journal.writes;
    checkDisk(lives.journal);
    if (death === undefined) return { status: life.book.get(id).status, story: lives.story(id), writes, ended: life.ended.length };
  }
  throw new Error("the last daemon does not die");
}

describe("a daemon that dies", () => {
  for (const scenario of SCENARIOS)
    test(
      `before or after any write: ${scenario.name} ends as it would have, every transition recorded once`,
      async () => {
        const healthy = await live(scenario, []);
        expect([healthy.status, healthy.story]).toEqual([scenario.ends, [...scenario.story]]);
        for (let at = 1; at <= healthy.writes; at++)
          for (const when of ["before", "after"] as const) {
            const { status, story } = await live(scenario, [{ at, when }]);
            const said = `${at} ${when}: ${story.join(", ")}`;
            expect([said, status]).toEqual([said, scenario.ends]);
            // A claim whose answer was lost is made again; the rest is as it would have been.
            const lost = story.filter((line) => line !== "run.pending" && line !== "run.running" && line !== "run.paused");
            expect([said, lost]).toEqual([
              said,
              scenario.story.filter((line) => line !== "run.pending" && line !== "run.running" && line !== "run.paused"),
            ]);
          }
      },
      TEST_MS,
    );
});

test(
  "any workers at the same time, with deaths between: what was acknowledged is there once, and no attempt writes after the next has begun",
  async () => {
    const crowd = fc.array(
      fc.record({
        worker: fc.nat(3),
        what: fc.constantFrom(
          "claim",
          "claim",
          "report",
          "report",
          "report",
          "checkpoint",
          "beat",
          "finish",
          "pause",
          "resume",
          "late",
          "cancel",
        ),
      }),
      { maxLength: 40 },
    );
    const deaths = fc.array(
      fc.record({ at: fc.integer({ min: 1, max: 12 }), when: fc.constantFrom("before" as const, "after" as const) }),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(crowd, { minLength: 1, maxLength: 4 }), deaths, async (crowds, dying) => {
        using lives = new Lives();
        const { id } = await lives.next().book.create({}, how());
        const held = new Map<number, { token: string; attempt: number }>();
        const acknowledged: string[] = [];
        const ends: string[] = [];
        for (const [at, commands] of crowds.entries()) {
          const life = lives.next(dying[at]);
          await Promise.allSettled(
            commands
              .map(async ({ worker, what }) => {
                const { book } = life;
                const { token, attempt } = held.get(worker) ?? { token: "none", attempt: 0 };
                const made = { type: `attempt ${attempt}` };
                if (what === "claim") held.set(worker, await book.workers.claim(id, `w${worker}`));
                else if (what === "report")
                  acknowledged.push(...(await book.workers.report(id, { checkpoints: [made, made] }, { token })).checkpoint_ids);
                else if (what === "checkpoint") acknowledged.push(await book.checkpoint(id, made, { token }));
                else if (what === "beat") await book.workers.heartbeat(id, { wait_ms: 100 }, { token });
                else if (what === "finish") ends.push((await book.workers.finish(id, { status: "completed" }, { token })).status);
                else if (what === "late") await lives.clock.advance(LEASE_MS + 1);
                else if (what === "cancel") ends.push((await book.cancel(id)).status);
                else await book[what](id);
              })
              .concat(lives.pass(LEASE_MS / 2)),
          );
          checkDisk(lives.journal);
        }
        const events = lives.journal.read({ topic: `run/${id}`, limit: 10_000 });
        const found = events.filter(({ type }) => type === "checkpoint").map(({ data }) => data["id"] as string);
        expect(found.filter((one) => acknowledged.includes(one))).toEqual(acknowledged.toSorted());
        let attempt = 0;
        for (const { type, data } of events) {
          if (type === "run.running") attempt = Number(data["attempt"]);
          if (type === "checkpoint") expect(data["type"]).toBe(`attempt ${attempt}`);
        }
        if (ends.length > 0) expect(ends.every((end) => end === lives.next().book.get(id).status)).toBe(true);
      }),
      { numRuns: RUNS },
    );
  },
  TEST_MS,
);
