import type { SseMessage } from "../../src/client/sse.ts";
import { pause, type RunApi } from "./run-api.ts";
import { between } from "./rig.ts";

export interface Acknowledged {
  readonly run: string;
  /** What this client counted, from 0. */
  readonly i: number;
  readonly id: string;
}

export interface OwnRun {
  readonly id: string;
  readonly keyed: boolean;
  /** Claims that may have been carried out. */
  readonly claims: number;
  posted: number;
}

/** A worker of one external run after the other: claims it, posts checkpoints, finishes it. Remembers every answer it was given. */
export class Poster {
  readonly acknowledged: Acknowledged[] = [];
  readonly runs: OwnRun[] = [];
  readonly problems: string[] = [];
  private over = false;
  private readonly working: Promise<void>;

  constructor(
    private readonly api: RunApi,
    private readonly options: {
      readonly name: string;
      readonly keyed: boolean;
      readonly beatMs: number;
      readonly onRun: (id: string) => void;
    },
  ) {
    this.working = this.work();
  }

  /** After the run under way has been finished. */
  async stop(): Promise<void> {
    this.over = true;
    await this.working;
  }

  private async work(): Promise<void> {
    while (!this.over) await this.carry().catch((error: unknown) => this.problems.push(String(error)));
  }

  private async carry(): Promise<void> {
    const { name, keyed, onRun } = this.options;
    const made = await this.api.insist("/runs", { body: { external: true, name }, key: crypto.randomUUID() });
    if (made?.status !== 201) throw new Error(`${name}: no run: ${JSON.stringify(made)}`);
    const id = String(made.body["runId"]);
    onRun(id);
    const claim = await this.api.insist(`/runs/${id}/claim`, { body: { worker: name } });
    if (claim?.status !== 200) throw new Error(`${name}: no claim: ${JSON.stringify(claim)}`);
    const run: OwnRun = { id, keyed, claims: claim.tries, posted: 0 };
    this.runs.push(run);
    const token = String(claim.body["token"]);
    const beat = setInterval(() => void this.beat(id, token), this.options.beatMs);
    try {
      for (const count = between(20, 80); run.posted < count && !this.over; run.posted++) await this.post(run, token);
    } finally {
      clearInterval(beat);
    }
    const finished = await this.api.insist(`/runs/${id}/finish`, { body: { status: "completed" }, token });
    const isDone = finished?.status === 200 || (finished?.status === 409 && finished.tries > 1 && finished.body["from"] === "completed");
    if (!isDone) throw new Error(`${name}: not finished: ${JSON.stringify(finished)}`);
  }

  private async post({ id: run, posted: i, keyed }: OwnRun, token: string): Promise<void> {
    const key = keyed ? { key: crypto.randomUUID() } : {};
    const answer = await this.api.insist(`/runs/${run}/checkpoints`, { body: { type: "c", data: { i } }, token, ...key });
    if (answer?.status !== 201) throw new Error(`${this.options.name}: checkpoint ${i} of ${run}: ${JSON.stringify(answer)}`);
    this.acknowledged.push({ run, i, id: String(answer.body["checkpointId"]) });
    await pause(between(0, 10));
  }

  /** One that holds its lease is never told anything else. */
  private async beat(run: string, token: string): Promise<void> {
    const answer = await this.api.once(`/runs/${run}/heartbeat`, { body: {}, token });
    const isLate = answer?.status === 409 && answer.body["from"] === "completed";
    if (answer && answer.status !== 200 && answer.status !== 503 && !isLate)
      this.problems.push(`beat of ${run}: ${JSON.stringify(answer)}`);
  }
}

export interface Seen {
  /** `n` in the stream of a run, `seq` in that of all. */
  readonly at: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads one stream across connections that are cut at random, from the start. */
export class Watcher {
  readonly seen: Seen[] = [];
  readonly problems: string[] = [];
  connections = 0;
  ended: string | undefined;
  private lastId: string | undefined;

  constructor(
    private readonly api: RunApi,
    private readonly path: string,
    private readonly numbers: "n" | "seq",
    /** The one it watches. */
    readonly run = "",
  ) {}

  /** Until it has ended, or is told that it has seen enough. */
  async watch(isOver: () => boolean): Promise<void> {
    const { api, path } = this;
    try {
      while (!isOver()) {
        this.connections += 1;
        const how = await api.stream(path, { lastId: this.lastId, forMs: between(20, 600), each: (message) => this.note(message) });
        if (how === "seen" && this.ended === undefined) this.problems.push(`${path}: 204 before the end, after ${this.lastId}`);
        if (how === "seen") return;
      }
    } catch (error) {
      this.problems.push(String(error));
    }
  }

  get at(): number {
    return this.seen.at(-1)?.at ?? 0;
  }

  private note({ id, event, data: text }: SseMessage): void {
    const data = JSON.parse(text) as Record<string, unknown>;
    if (event === "hello") return;
    if (event === "end") {
      if (this.ended !== undefined) this.problems.push(`${this.path}: a second end`);
      this.ended = String(data["status"]);
      return;
    }
    const { at } = this;
    const now = Number(data[this.numbers]);
    const isNext = this.numbers === "n" ? now === at + 1 : now > at;
    if (!isNext || id === undefined || Number(id.split("-")[1]) !== now || this.ended !== undefined)
      this.problems.push(`${this.path}: ${event} ${id} (${now}) after ${at}, end ${this.ended}`);
    this.lastId = id;
    this.seen.push({ at: now, event, data });
  }
}

/** Watches one run after the other, whichever has begun lately. */
export class RunWatchers {
  readonly watchers: Watcher[] = [];
  private readonly working: Promise<void>[];
  private over = false;

  constructor(
    private readonly api: RunApi,
    count: number,
    private readonly pick: () => string | undefined,
  ) {
    this.working = Array.from({ length: count }, () => this.work());
  }

  /** Every run has ended: each watcher sees the end of its own. */
  async stop(): Promise<void> {
    this.over = true;
    await Promise.all(this.working);
  }

  private async work(): Promise<void> {
    while (!this.over) {
      const run = this.pick();
      if (run === undefined) {
        await pause(20);
        continue;
      }
      const watcher = new Watcher(this.api, `/runs/${run}/events`, "n", run);
      this.watchers.push(watcher);
      await watcher.watch(() => watcher.problems.length > 0);
    }
  }
}
