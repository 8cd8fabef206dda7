import { expect, test } from "bun:test";
import fc from "fast-check";
import { OrcoError } from "../kernel/errors.ts";
import { how, LEASE_MS, type Life, Lives, settled } from "./book/book.fake.ts";
import { MAX_LOSSES } from "./book/moves.ts";
import { checkDisk } from "./book/on-disk.fake.ts";
import type { RunStatus } from "./record.ts";

const RUNS = Number(process.env["ORCO_MODEL_RUNS"] ?? 60);
const WORKERS = ["w0", "w1", "w2"] as const;

/** What a run of a worker ought to be, in a few lines. */
class Model {
  status: RunStatus = "pending";
  attempt = 0;
  losses = 0;
  /** A token of the attempt under way is good for something. */
  hasToken = false;
  deadline = 0;
  now = 0;
  checkpoints = 0;

  get isOver(): boolean {
    return this.status === "completed" || this.status === "failed" || this.status === "canceled";
  }

  get isHeld(): boolean {
    return this.hasToken && !this.isOver;
  }

  claim(): string {
    if (this.isOver) return "conflict";
    if (this.isHeld) return "busy";
    if (this.status === "paused") return "conflict";
    this.attempt += 1;
    this.status = "running";
    this.hasToken = true;
    this.deadline = this.now + LEASE_MS;
    return "ok";
  }

  /** Of a request with the token of `attempt`; 0: one that somebody made up. */
  fence(attempt: number): string {
    if (attempt === 0) return "unauthorized";
    if (attempt < this.attempt || !this.hasToken) return "stale_attempt";
    return this.isOver ? "conflict" : "ok";
  }

  renew(): void {
    this.deadline = this.now + LEASE_MS;
  }

  pass(ms: number): void {
    this.now += ms;
    if (!this.isHeld || this.now < this.deadline) return;
    this.hasToken = false;
    this.losses += 1;
    if (this.status === "running") this.status = "pending";
    if (this.losses < MAX_LOSSES) return;
    this.status = "failed";
    this.hasToken = true;
  }
}

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("claim" as const), worker: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("beat" as const, "report" as const, "checkpoint" as const), worker: fc.nat(2) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("finish" as const), worker: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("pause" as const, "resume" as const, "open" as const, "restart" as const),
      worker: fc.constant(0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("cancel" as const, "forge" as const), worker: fc.constant(0) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), worker: fc.constantFrom(1000, 10_000, 31_000) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

interface World {
  readonly lives: Lives;
  life: Life;
  readonly id: string;
  readonly model: Model;
  /** Of each worker the token it was given last, and its attempt. */
  readonly tokens: Map<number, { readonly token: string; readonly attempt: number }>;
}

async function outcome<T>(work: () => Promise<T>): Promise<string> {
  try {
    await work();
    return "ok";
  } catch (error) {
    if (error instanceof OrcoError) return error.code;
    throw error;
  }
}

type Outcome = readonly [got: string, wanted: string];

/** Carries it out, and says what happened and what should have. */
function carryOut(world: World, { do: what, worker }: Command): Promise<Outcome> {
  switch (what) {
    case "claim":
      return claim(world, worker);
    case "beat":
    case "report":
    case "checkpoint":
    case "finish":
      return say(world, what, worker);
    case "forge":
    case "open":
      return intrude(world, what);
    case "cancel":
    case "pause":
    case "resume":
      return control(world, what);
    case "pass":
    case "restart":
      return goOn(world, what, worker);
  }
}

async function claim({ model, id, life, tokens }: World, worker: number): Promise<Outcome> {
  const got = await outcome(async () => {
    const { token, attempt } = await life.book.workers.claim(id, WORKERS[worker] ?? "");
    tokens.set(worker, { token, attempt });
  });
  return [got, model.claim()];
}

/** What is fenced by a token. */
async function say(
  { model, id, life, tokens }: World,
  what: "beat" | "report" | "checkpoint" | "finish",
  worker: number,
): Promise<Outcome> {
  const { workers } = life.book;
  const held = tokens.get(worker) ?? { token: "ort_1_made-up", attempt: 0 };
  const caller = { token: held.token };
  const wanted = model.fence(held.attempt);
  if (wanted === "ok") {
    if (what !== "checkpoint") model.renew();
    if (what === "report" || what === "checkpoint") {
      model.losses = 0;
      model.checkpoints += 1;
    }
    if (what === "finish") model.status = "completed";
  }
  const made = { type: "c" };
  const sent = {
    beat: () => workers.heartbeat(id, {}, caller),
    report: () => workers.report(id, { checkpoints: [made] }, caller),
    checkpoint: () => workers.checkpoint(id, made, caller),
    finish: () => workers.finish(id, { status: "completed" }, caller),
  };
  const saysSo = what === "beat" && wanted === "conflict" && model.status === "canceled";
  return [await outcome<unknown>(sent[what]), saysSo ? "ok" : wanted];
}

async function intrude({ model, id, life }: World, what: "forge" | "open"): Promise<Outcome> {
  const { book } = life;
  if (what === "forge")
    return [await outcome(() => book.workers.report(id, {}, { token: `ort_${model.attempt}_${"A".repeat(65)}` })), "unauthorized"];
  if (!model.isOver) model.checkpoints += 1;
  return [await outcome(() => book.checkpoint(id, { type: "o" })), model.isOver ? "conflict" : "ok"];
}

async function control({ model, id, life }: World, what: "cancel" | "pause" | "resume"): Promise<Outcome> {
  const isWhatWasAsked = what === "cancel" && model.status === "canceled";
  const wanted = model.isOver && !isWhatWasAsked ? "conflict" : "ok";
  if (!model.isOver && what === "cancel") model.status = "canceled";
  else if (!model.isOver && what === "pause") model.status = "paused";
  else if (model.status === "paused" && what === "resume") model.status = model.isHeld ? "running" : "pending";
  return [await outcome(() => life.book[what](id)), wanted];
}

async function goOn(world: World, what: "pass" | "restart", ms: number): Promise<Outcome> {
  const { model, lives } = world;
  if (what === "pass") {
    await lives.pass(ms);
    model.pass(ms);
  } else {
    world.life = lives.next();
    await settled();
    if (model.isHeld) model.renew();
  }
  return ["ok", "ok"];
}

test(
  "whatever workers, people, time and restarts do, every answer and the run itself are what a model of thirty lines says",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        using lives = new Lives();
        const life = lives.next();
        const { id } = await life.book.create({}, how());
        const world: World = { lives, life, id, model: new Model(), tokens: new Map() };
        for (const one of commands) {
          const [got, wanted] = await carryOut(world, one);
          expect([one, got]).toEqual([one, wanted]);
          const { status, attempt, losses } = world.life.book.get(id);
          expect([one, status, attempt, losses]).toEqual([one, world.model.status, world.model.attempt, world.model.losses]);
        }
        expect(world.life.book.checkpoints(id, { limit: 1000 }).length).toBe(world.model.checkpoints);
        expect(world.life.errors).toEqual([]);
        checkDisk(lives.journal);
      }),
      { numRuns: RUNS },
    );
  },
  20_000 + RUNS * 200,
);
