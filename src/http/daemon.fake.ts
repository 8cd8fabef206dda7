import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Audit } from "../kernel/audit.ts";
import { verifyAudit } from "../kernel/audit-verify.ts";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { uuidv7 } from "../kernel/id.ts";
import { Journal } from "../kernel/journal.ts";
import type { AppView } from "../deploy/view.ts";
import type { PutStack, StackView } from "../stack/view.ts";
import type { RunView } from "../workflow/view.ts";
import { execProcess } from "../supervise/exec/process.ts";
import type { Exec } from "../supervise/runtime.ts";
import type { LogRecord } from "../supervise/logs/record.ts";
import type { HttpConfig } from "./bind.ts";
import { absentInference } from "./inference-absent.fake.ts";
import { absentRepair } from "./repair-absent.ts";
import { createServer, type HttpServer, type ServerOptions } from "./server.ts";
import type { Services } from "./services.ts";

/** A daemon for tests of this layer and the client: the real journal, and stacks and runs that only remember. */
export class FakeDaemon implements Services {
  readonly journal: Journal;
  readonly puts: { name: string; body: PutStack }[] = [];
  readonly acts: object[] = [];
  readonly decisions: object[] = [];
  readonly executed: { readonly id: string; readonly exec: Exec }[] = [];
  readonly lines: LogRecord[] = [];
  readonly saved = new Map<string, RunView>();
  shutdowns = 0;
  /** How a run ends that nobody ends by `finish`; undefined leaves it running. */
  outcome: Pick<RunView, "status" | "error"> | undefined = { status: "completed" };

  constructor(
    home: string,
    private readonly clock: Clock,
  ) {
    this.journal = Journal.open({ path: join(home, "orco.db"), clock });
    this.audit = Object.assign(new Audit(this.journal), { verify: () => verifyAudit((sql, params) => this.journal.query(sql, params)) });
  }

  readonly ready = async () => [{ name: "journal", ok: true, detail: "writable" }];
  readonly inference: Services["inference"] = absentInference();
  readonly repair: Services["repair"] = absentRepair();
  readonly audit: Audit & Services["audit"];
  readonly config = () => ({ bind: { value: "127.0.0.1:0", origin: "default" } });
  readonly shutdown = async () => void (this.shutdowns += 1);

  readonly stacks: Services["stacks"] = {
    put: (name, body) => {
      this.puts.push({ name, body });
      return this.begin("apply", name);
    },
    plan: async (stack) => ({ stack, changes: 0, services: [], warnings: [] }),
    list: () => [{ stack: "demo", services: 1, ready: 1, desired: "up" }],
    get: (name) => this.stackOf(name),
    remove: (name) => this.begin("down", name),
    act: (target) => {
      this.acts.push(target);
      return this.begin(target.action, target.stack);
    },
    graph: (name) => ({ nodes: [{ service: this.stackOf(name).stack, layer: 0 }], edges: [] }),
    logs: (name, { query, services, signal }) => {
      this.stackOf(name);
      return this.readLines({ after: query.after ?? {}, services, follow: query.follow ?? false, signal });
    },
  };

  readonly execs: Services["execs"] = {
    start: async ({ stack, service, replica = 0 }, run) => {
      this.stackOf(stack);
      const launch = { instance: "i", stack, service, replica, argv: [], cwd: "/", env: { PATH: process.env["PATH"] ?? "" } };
      const exec = execProcess(launch, run, this.clock);
      const id = uuidv7(this.clock);
      this.executed.push({ id, exec });
      return Object.assign(exec, { id });
    },
  };

  readonly runs: Services["runs"] = {
    list: ({ limit, before }) =>
      [...this.saved.values()]
        .toReversed()
        .filter(({ id }) => before === undefined || id < before)
        .slice(0, limit),
    get: (id) => this.runOf(id),
    settled: async (id, signal) => {
      for await (const { data } of this.journal.follow({ topic: `run/${id}`, ...(signal && { signal }) })) {
        if (data["status"] !== "running") return this.runOf(id);
      }
      throw new OrcoError("cancelled", "nobody waits any more");
    },
    cancel: async (id) => this.finish(id, { status: "canceled" }),
    decide: async (id, decision) => {
      const run = this.runOf(id);
      this.decisions.push(decision);
      return run;
    },
    plan: () => notHere(),
    create: () => notHere(),
    pause: () => notHere(),
    resume: () => notHere(),
    retry: () => notHere(),
    signal: () => notHere(),
    checkpoints: (id) => (this.runOf(id), []),
    checkpoint: () => notHere(),
    workers: {
      opens: (_run, token) => token === "a-right-run-token",
      fence: () => notHere(),
      claim: () => notHere(),
      heartbeat: () => notHere(),
      report: () => notHere(),
      finish: () => notHere(),
      log: () => notHere(),
      lastCheckpoint: () => undefined,
    },
    logs: () => notHere(),
    artifacts: { list: async () => [], open: () => notHere(), put: () => notHere() },
  };

  readonly schedules: Services["schedules"] = {
    create: () => notHere(),
    list: () => [],
    get: () => notHere(),
    remove: () => notHere(),
  };

  readonly apps: Services["apps"] = {
    nameOf: (name = "blog") => this.appOf(name).name,
    put: async (name) => ({ ...this.appOf("blog"), name }),
    list: () => [this.appOf("blog")],
    get: (name) => this.appOf(name),
    remove: async (name) => void this.appOf(name),
    status: (name) => this.appOf(name).status,
    releases: (name) => (this.appOf(name), []),
    logs: (name, { query, services, signal }) => {
      this.appOf(name);
      return this.readLines({ after: query.after ?? {}, services, follow: query.follow ?? false, signal });
    },
    deploy: (name) => this.begin("deploy", this.appOf(name).name, { success: true }),
    rollback: (name) => this.begin("rollback", this.appOf(name).name, { success: true }),
  };

  async begin(kind: string, stack: string, result: JsonObject = {}): Promise<RunView> {
    const run: RunView = {
      id: uuidv7(this.clock),
      kind,
      mode: "local",
      name: kind,
      status: "running",
      owner: "orco",
      metadata: {},
      stack,
      createdAt: new Date(this.clock.now()).toISOString(),
      attempt: 1,
      steps: [],
      result,
    };
    this.saved.set(run.id, run);
    await this.journal.append([{ topic: `run/${run.id}`, type: "run.running", data: { status: "running", stack } }]);
    if (this.outcome) await this.finish(run.id, this.outcome);
    return run;
  }

  async finish(id: string, outcome: Pick<RunView, "status" | "error">): Promise<RunView> {
    const run = { ...this.runOf(id), ...outcome };
    this.saved.set(id, run);
    await this.journal.append([{ topic: `run/${id}`, type: `run.${outcome.status}`, data: { status: outcome.status } }]);
    return run;
  }

  /** Appends `count` events, each with its number. */
  async happen(topic: string, count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, n) => ({ topic, type: "instance.running", data: { n } }));
    await this.journal.append(events);
  }

  log(service: string, message: string): void {
    const seq = this.lines.filter((line) => line.service === service).length + 1;
    this.lines.push({ timestamp: new Date(this.clock.now()).toISOString(), service, replica: 0, message, source: "stdout", seq });
    void this.journal.append([{ topic: "log/fake", type: "log", data: {} }]);
  }

  private stackOf(name: string): StackView {
    if (name !== "demo") throw new OrcoError("not_found", `there is no stack ${name}`, { stack: name });
    return { stack: name, services: [] };
  }

  private appOf(name: string): AppView {
    if (name !== "blog") throw new OrcoError("not_found", `there is no app ${name}`, { app: name });
    const at = new Date(this.clock.now()).toISOString();
    const slots = { live_slot: null, live_commit: null, previous_slot: null, previous_commit: null } as const;
    const status = { ...slots, last_deploy_time: null, healthy: false, app: name, port: null, restarts: 0 };
    return { name, repo: "/srv/blog", contract: null, created_at: at, updated_at: at, status };
  }

  private runOf(id: string): RunView {
    const run = this.saved.get(id);
    if (!run) throw new OrcoError("not_found", `there is no run ${id}`);
    return run;
  }

  private async *readLines(read: {
    after: Readonly<Record<string, number>>;
    services: readonly string[] | undefined;
    follow: boolean;
    signal: AbortSignal;
  }) {
    let at = 0;
    const wanted = (line: LogRecord) => (read.services?.includes(line.service) ?? true) && line.seq > (read.after[line.service] ?? 0);
    for (; at < this.lines.length; at++) if (this.lines[at] && wanted(this.lines[at] as LogRecord)) yield this.lines[at] as LogRecord;
    if (!read.follow) return;
    for await (const _ of this.journal.follow({ topic: "log/fake", signal: read.signal })) {
      for (; at < this.lines.length; at++) if (wanted(this.lines[at] as LogRecord)) yield this.lines[at] as LogRecord;
    }
  }
}

export interface TestServer extends HttpServer {
  readonly daemon: FakeDaemon;
  readonly socket: string;
  readonly url: string;
  /** Closes the listeners and starts new ones on the same home: what a client sees of a daemon that comes back. */
  restart(): Promise<void>;
  dispose(): Promise<void>;
}

/** A real server on a temporary home and a free port. */
export function startTestServer(clock: Clock, config: Partial<HttpConfig> = {}, options: Partial<ServerOptions> = {}): TestServer {
  const home = mkdtempSync(join(tmpdir(), "orco-http-"));
  const daemon = new FakeDaemon(home, clock);
  const socket = join(home, "orco.sock");
  const base: HttpConfig = {
    socket,
    bind: { host: "127.0.0.1", port: 0 },
    allowAnonymous: false,
    corsOrigins: [],
    rateLimit: { windowMs: 60_000, max: 0 },
    version: "0.0.0-test",
    ...config,
  };
  let server = createServer({ services: daemon, config: base, clock, ...options });
  return {
    daemon,
    socket,
    urls: server.urls,
    url: server.urls[0] ?? "",
    close: () => server.close(0),
    families: () => server.families(),
    restart: async () => {
      await server.close(0);
      server = createServer({ services: daemon, config: base, clock, ...options });
    },
    dispose: async () => {
      await server.close(0);
      daemon.journal.close();
      rmSync(home, { recursive: true });
    },
  };
}

/** Plans and workers have the real book behind them in the tests of `test/scenarios`. */
function notHere(): never {
  throw new OrcoError("not_found", "the fake daemon has no plans");
}
