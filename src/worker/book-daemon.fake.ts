import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import type { Json } from "../kernel/event.ts";
import { uuidv7 } from "../kernel/id.ts";
import { Journal } from "../kernel/journal.ts";
import { Book } from "../runs/book.ts";
import { parsePlan } from "../runs/plan-schema.ts";
import type { LogLine, RunFinish } from "../runs/ports.ts";
import type { RunRecord } from "../runs/record.ts";
import { RedisDispatcher } from "../runs/redis/dispatcher.ts";
import { homeId, queueName } from "../runs/redis/names.ts";
import { BookStore } from "../runs/store.ts";
import type { ClaimRequest, HeartbeatRequest, LogsRequest, ReportRequest } from "../runs/worker-wire.ts";

interface Parts {
  readonly book: Book;
  readonly dispatcher: RedisDispatcher;
  readonly journal: Journal;
  readonly folder: string;
  readonly queue: string;
}

/** The parts of a daemon that runs of mode redis need: a real book, a real dispatcher, and the routes of workers over real HTTP. */
export class BookDaemon {
  readonly lines: LogLine[] = [];
  /** Worker and attempt, such as `one 2`. */
  readonly claims: string[] = [];
  private readonly server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch: (request) => this.answer(request) });

  readonly book: Book;
  readonly dispatcher: RedisDispatcher;

  private constructor(private readonly parts: Parts) {
    this.book = parts.book;
    this.dispatcher = parts.dispatcher;
  }

  static async start(redis: string, leaseMs: number): Promise<BookDaemon> {
    const clock: Clock = systemClock();
    const folder = mkdtempSync(join(tmpdir(), "orco-worker-test-"));
    const journal = Journal.open({ path: join(folder, "orco.db"), clock });
    const queue = queueName(await homeId(journal));
    const onError = (error: unknown): void => console.error("book:", messageOf(error));
    const dispatcher = new RedisDispatcher({
      url: redis,
      queue,
      apiUrl: () => "http://127.0.0.1",
      journal,
      clock,
      redispatch: (id, from) => book.redispatch(id, from),
      log: () => undefined,
    });
    const book: Book = new Book({
      journal,
      clock,
      newId: () => uuidv7(clock),
      onError,
      leaseMs,
      maxRuns: 100,
      tokenSecret: "a secret",
      checks: { parsePlan, webhookUrl: (url) => url, isSet: () => true },
      dispatchers: { redis: dispatcher },
      onDrive: () => undefined,
      onEnd: () => undefined,
      onLog: (_run, lines) => daemon.lines.push(...lines),
    });
    const daemon = new BookDaemon({ book, dispatcher, journal, folder, queue });
    book.start();
    await dispatcher.start();
    return daemon;
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  create(plan: unknown): Promise<RunRecord> {
    return this.book.create({ plan: plan as { steps: unknown[] } }, { mode: "redis", owner: "tests" });
  }

  step(run: string, step: string) {
    return new BookStore(this.parts.journal).steps(run).get(step);
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
    this.book.close();
    this.dispatcher.close();
    this.parts.journal.close();
    rmSync(this.parts.folder, { recursive: true, force: true });
  }

  private async answer(request: Request): Promise<Response> {
    const [, root, id = "", call = "", step = ""] = new URL(request.url).pathname.split("/");
    if (root === "version") return Response.json({ queue: this.parts.queue });
    if (id === "") return Response.json({ runs: [] });
    try {
      const token = request.headers.get("authorization")?.slice("Bearer ".length) ?? "";
      const body: unknown = request.method === "POST" ? await request.json() : undefined;
      return Response.json(await this.carryOut({ id, call, step, body }, { token, signal: request.signal }));
    } catch (error) {
      if (!(error instanceof OrcoError)) throw error;
      return Response.json(
        { ...error.facts, code: error.code, message: error.message },
        { status: error.code === "not_found" ? 404 : 409 },
      );
    }
  }

  private async carryOut(
    { id, call, step, body }: { id: string; call: string; step: string; body: unknown },
    caller: { token: string; signal: AbortSignal },
  ): Promise<unknown> {
    const { workers } = this.book;
    if (call === "claim") {
      const reply = await workers.claim(id, body as ClaimRequest);
      this.claims.push(`${(body as ClaimRequest).worker} ${reply.attempt}`);
      return reply;
    }
    if (call === "heartbeat") return workers.heartbeat(id, body as HeartbeatRequest, caller);
    if (call === "report") return workers.report(id, body as ReportRequest, caller);
    if (call === "finish") return workers.finish(id, body as RunFinish, caller);
    if (call === "logs") return workers.log(id, (body as LogsRequest).lines, caller) ?? {};
    const data: Json | undefined = workers.lastCheckpoint(id, step);
    if (data === undefined) throw new OrcoError("not_found", "it has none");
    return { data };
  }
}
