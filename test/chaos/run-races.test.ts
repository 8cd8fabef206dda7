import { expect, test } from "bun:test";
import { OrcoError } from "../../src/kernel/errors.ts";
import { how, LEASE_MS, type Life, Lives, planOf, settled, step } from "../../src/runs/book/book.fake.ts";
import { checkDisk } from "../../src/runs/book/on-disk.fake.ts";
import { between, cycles } from "./rig.ts";
import { type Act, type Done, explain, type Model } from "./run-races-model.ts";

const ROUNDS = 20 * cycles(2, 50);
/** Runs whose acts happen at the same time: their writes share transactions. */
const RUNS_AT_ONCE = 12;
const MAX_ACTS = 6;
const MAX_TURNS = 3;
const EXTERNAL: readonly Act[] = [
  "cancel",
  "finish",
  "fail",
  "checkpoint",
  "checkpoint",
  "open checkpoint",
  "pause",
  "resume",
  "beat",
  "claim",
];
const DRIVEN: readonly Act[] = ["cancel", "cancel", "finish", "fail", "open checkpoint", "pause", "resume", "step", "approve"];
const ENDS = /^run\.(?:completed|failed|canceled)$/;

interface Racing {
  readonly id: string;
  readonly model: Model;
  readonly acts: readonly Act[];
  readonly token: string;
  /** Events before the race. */
  readonly head: number;
}

/** Counts turns of the event loop. */
class Turns {
  now = 0;

  async pass(count: number): Promise<void> {
    for (let n = 0; n < count; n++) await new Promise(setImmediate);
  }
}

test(
  `${ROUNDS * RUNS_AT_ONCE} runs whose cancel, finish, checkpoint, pause, claim and loss come at the same moment: some order explains every answer, and each ends once`,
  async () => {
    using lives = new Lives({ maxRuns: 1000 });
    const life = lives.next();
    for (let round = 0; round < ROUNDS; round++) {
      const isLate = Math.random() < 0.5;
      const racing = await Promise.all(
        Array.from({ length: RUNS_AT_ONCE }, (_, n) => prepare(lives, life, { driven: n % 3 === 0 && !isLate, isLate })),
      );
      const clock = { now: 0 };
      const expiry = isLate ? lives.pass(LEASE_MS) : settled();
      const done = await Promise.all(racing.map((run) => race(life, run, clock)));
      await expiry;
      await settled();
      for (const [n, run] of racing.entries()) judge(lives, life, { run, done: done[n] ?? [], isLate });
      await Promise.all(racing.map(({ id }) => close(life, id)));
      for (const { id } of racing) checkEnd(lives, id);
    }
    expect(life.errors).toEqual([]);
    checkDisk(lives.journal);
    console.log(`${ROUNDS * RUNS_AT_ONCE} races, each explained by an order of its acts; one end each`);
  },
  30_000 + ROUNDS * 2000,
);

async function prepare(lives: Lives, life: Life, { driven, isLate }: { driven: boolean; isLate: boolean }): Promise<Racing> {
  const { book } = life;
  const plan = planOf(step("work"), step("gate", { approval: { expires_ms: 1000 } }));
  const { id } = await book.create(driven ? plan : {}, how());
  const token = driven ? "" : (await book.workers.claim(id, "w")).token;
  if (driven) {
    while (book.get(id).status !== "running") await settled();
    const waiting = { kind: "approval", summary: "go on?", since: 0 } as const;
    await book.ledger(id).record([
      { step: "work", event: "begin" },
      { step: "gate", event: "wait", waiting },
    ]);
  } else if (Math.random() < 0.3) await book.pause(id);
  const known = driven ? DRIVEN : EXTERNAL;
  const acts: Act[] = Array.from(
    { length: 2 + Math.floor(between(0, MAX_ACTS - 2)) },
    () => known[Math.floor(between(0, known.length))] as Act,
  );
  const { status, attempt } = book.get(id);
  const model = { driven, status, attempt, held: true, cancelling: false, steps: driven ? ["work", "gate"] : [] };
  return { id, token, acts: isLate ? [...acts, "expire"] : acts, model, head: lives.journal.head(`run/${id}`) };
}

/** All at once, or within a few turns. A driver whose run shall end ends it at last, as drivers do. */
async function race(life: Life, run: Racing, clock: { now: number }): Promise<readonly Done[]> {
  const turns = new Turns();
  const ledger = run.model.driven ? life.book.ledger(run.id) : undefined;
  const doing = run.acts.map(async (act): Promise<Done> => {
    await turns.pass(Math.floor(between(0, MAX_TURNS)));
    const from = clock.now++;
    const outcome = act === "expire" ? "ok" : await outcomeOf(() => carryOut(life, run, act));
    return { act, outcome, from: act === "expire" ? 0 : from, to: act === "expire" ? Infinity : clock.now++ };
  });
  if (!ledger) return Promise.all(doing);
  await turns.pass(MAX_TURNS);
  await settled();
  const finish: Done[] = [];
  if (ledger.snapshot().run.cancelling) {
    const from = clock.now++;
    finish.push({ act: "finish", outcome: await outcomeOf(() => ledger.finish({ status: "completed" })), from, to: clock.now++ });
  }
  return [...(await Promise.all(doing)), ...finish];
}

function carryOut({ book }: Life, { id, token, model }: Racing, act: Act): Promise<unknown> {
  const ends = { finish: { status: "completed" }, fail: { status: "failed", error: { code: "e", message: "m" } } } as const;
  switch (act) {
    case "finish":
    case "fail":
      return model.driven ? ledgerOf(book, id).then((ledger) => ledger.finish(ends[act])) : book.workers.finish(id, ends[act], { token });
    case "step":
      return ledgerOf(book, id).then((ledger) => ledger.record([{ step: "work", event: "finish" }]));
    case "approve":
      return book.decide(id, { decision: "approve", approver: { id: "a" } });
    case "checkpoint":
      return book.checkpoint(id, { type: "c" }, { token });
    case "open checkpoint":
      return book.checkpoint(id, { type: "c" });
    case "beat":
      return book.workers.heartbeat(id, {}, { token });
    case "claim":
      return book.workers.claim(id, "other");
    case "cancel":
    case "pause":
    case "resume":
      return book[act](id);
    case "expire":
      return settled();
  }
}

async function ledgerOf(book: Life["book"], id: string): Promise<ReturnType<Life["book"]["ledger"]>> {
  return book.ledger(id);
}

async function outcomeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return "ok";
  } catch (error) {
    if (error instanceof OrcoError) return error.code;
    throw error;
  }
}

function judge(lives: Lives, life: Life, { run, done, isLate }: { run: Racing; done: readonly Done[]; isLate: boolean }): void {
  const events = lives.story(run.id).slice(run.head);
  const said = `${run.id} ${JSON.stringify(run.model)}\n${done.map(({ act, outcome, from, to }) => `${from}-${to} ${act}: ${outcome}`).join("\n")}\n${events.join(", ")}`;
  expect([said, explain(run.model, done, events) !== undefined]).toEqual([said, true]);
  const { status } = life.book.get(run.id);
  for (const { act, outcome } of done) if (act === "cancel") expect([said, outcome === "ok"]).toEqual([said, status === "canceled"]);
  expect([
    said,
    events.filter((event) => ENDS.test(event)).length <= 1,
    isLate || !events.includes("run.pending") || run.model.status === "paused",
  ]).toEqual([said, true, true]);
}

async function close({ book }: Life, id: string): Promise<void> {
  const cancelled = outcomeOf(() => book.cancel(id));
  await settled();
  const { cancelling } = book.get(id);
  if (cancelling) await book.ledger(id).finish({ status: "completed" });
  await cancelled;
}

function checkEnd(lives: Lives, id: string): void {
  const story = lives.story(id);
  expect([story.filter((event) => ENDS.test(event)).length, ENDS.test(story.at(-1) ?? "")]).toEqual([1, true]);
}
