import { chmodSync, rmSync } from "node:fs";
import type { Clock } from "../kernel/clock.ts";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { uuidv7 } from "../kernel/id.ts";
import { type App, createApp } from "./app.ts";
import { addressText, assertSafeBind, type BindAddress, type HttpConfig } from "./bind.ts";
import { idempotent } from "./idempotency.ts";
import { ExecSessions } from "./exec-sessions.ts";
import { UploadBudget } from "./upload-budget.ts";
import type { Connection, Deps, RequestRecord } from "./context.ts";
import { callerOf, tokenOf } from "./caller.ts";
import { HttpMetrics } from "./http-metrics.ts";
import type { Family } from "./metrics.ts";
import { asOrcoError, problemResponse } from "./problem.ts";
import type { Services } from "./services.ts";
import { OpenStreams } from "./streams.ts";
import { ticketsOf } from "./ticket.ts";

export interface ServerOptions {
  readonly services: Services;
  readonly config: HttpConfig;
  readonly clock: Clock;
  /** One record a request. */
  readonly log?: (record: RequestRecord) => void;
  /** What failed after its request was answered. */
  readonly onError?: (requestId: string, error: unknown) => void;
  /** What the daemon adds to `/metrics`. */
  readonly collect?: () => Iterable<Family> | Promise<Iterable<Family>>;
  /** JSON Schemas served at `/schemas/<name>.json`. */
  readonly schemas?: Readonly<Record<string, () => JsonObject>>;
}

export interface HttpServer {
  /** Where it listens over TCP, with the real port; empty with the socket alone. */
  readonly urls: readonly string[];
  /** What `/metrics` shows. */
  families(): Promise<readonly Family[]>;
  /** Ends the streams, then waits up to `graceMs` for answers under way. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

/** Seconds without a byte, on TCP. Streams and waiting changes take it off themselves. */
const IDLE_TIMEOUT_S = 30;
/** Above every limit of ours, so that a body that is too large gets our problem document and not an empty answer. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;
/**
 * On a unix socket Bun 1.4.5 cuts a stream after 12 s without a byte whatever `server.timeout` says, unless `idleTimeout` is given;
 * its types do not know the option there.
 */
const NEVER_IDLE: object = { idleTimeout: 0 };
const LOOK_MS = 5;
/** For the last bytes of ended streams to leave. */
const FLUSH_MS = 50;
const SOCKET_UMASK = 0o177;
const SOCKET_MODE = 0o600;

/**
 * One app on the unix socket and, where configured, on TCP. The caller holds the lock of the home: a socket file that lies there is stale.
 * Throws `config` (unsafe address, bad path), `port_in_use` (facts: address).
 */
export function createServer(options: ServerOptions): HttpServer {
  const { config, clock } = options;
  assertSafeBind(config);
  const metrics = new HttpMetrics(config.version, options.collect);
  const streams = new OpenStreams(clock, metrics);
  const { log = () => undefined, onError: failed = () => undefined } = options;
  const deps: Deps = {
    services: options.services,
    config,
    clock,
    log,
    failed,
    metrics,
    streams,
    idempotent: idempotent({
      journal: options.services.journal,
      clock,
      newId: () => uuidv7(clock),
      // A worker whose attempt is over must not be told what it was told before.
      callerOf: (c) => `${callerOf(c)} ${tokenOf(c).token ?? ""}`,
      onError: (error) => failed("", error),
    }),
    tickets: ticketsOf({ apiKey: config.apiKey, clock }),
    uploads: new UploadBudget(),
    execs: new ExecSessions(clock),
    schemas: { ...options.schemas, ...ofRuns() },
  };
  const app = createApp(deps);
  const tcp = config.bind && listenTcp(app, config.bind);
  const unix = listenUnix(app, config.socket, () => void tcp?.stop(true));
  const servers = [unix, ...(tcp ? [tcp] : [])];
  let closing: Promise<void> | undefined;
  return {
    urls: tcp ? [tcp.url.href.replace(/\/$/, "")] : [],
    families: () => metrics.families(),
    close: (graceMs = 1000) => (closing ??= closeAll({ servers, streams, clock, graceMs })),
  };
}

/** Loaded when they are asked for, as the document is. */
function ofRuns(): Deps["schemas"] {
  const lazily = (name: "run" | "checkpoint" | "event" | "action-plan") => async () => (await import("./json-schemas.ts")).runSchema(name);
  const plan = async (): Promise<JsonObject> => (await import("../runs/plan-schema.ts")).planSchema();
  return { plan, run: lazily("run"), checkpoint: lazily("checkpoint"), event: lazily("event"), "action-plan": lazily("action-plan") };
}

type Server = ReturnType<typeof Bun.serve>;

function handlerOf(app: App, listener: Connection["listener"]) {
  return {
    maxRequestBodySize: MAX_BODY_BYTES,
    development: false as const,
    fetch(request: Request, server: Server): Response | Promise<Response> {
      const peer = listener === "unix" ? "unix" : (server.requestIP(request)?.address ?? "unknown");
      return app.fetch(request, { listener, peer, hold: () => server.timeout(request, 0) } satisfies Connection);
    },
    error: (error: Error) => problemResponse(asOrcoError(error), ""),
  };
}

function listenTcp(app: App, bind: BindAddress): Server {
  try {
    return Bun.serve({
      ...handlerOf(app, "tcp"),
      // Said aloud: with `development: false` Bun 1.4.5 shares the port with whoever asks for it.
      reusePort: false,
      idleTimeout: IDLE_TIMEOUT_S,
      hostname: bind.host.replace(/^\[(.*)\]$/, "$1"),
      port: bind.port,
    });
  } catch (error) {
    const address = addressText(bind);
    if (errnoOf(error) === "EADDRINUSE")
      throw new OrcoError("port_in_use", `${address} is in use`, { address, port: bind.port }, { cause: error });
    throw new OrcoError("config", `cannot listen on ${address}: ${messageOf(error)}`, { address }, { cause: error });
  }
}

/** The mode is right from the first moment, by the umask; chmod is for file systems that ignore it. */
function listenUnix(app: App, path: string, undo: () => void): Server {
  const umask = process.umask(SOCKET_UMASK);
  try {
    rmSync(path, { force: true });
    const server = Bun.serve({ ...handlerOf(app, "unix"), ...NEVER_IDLE, unix: path });
    chmodSync(path, SOCKET_MODE);
    return server;
  } catch (error) {
    undo();
    throw new OrcoError("config", `cannot listen on ${path}: ${messageOf(error)}`, { path }, { cause: error });
  } finally {
    process.umask(umask);
  }
}

interface Closing {
  readonly servers: readonly Server[];
  readonly streams: OpenStreams;
  readonly clock: Clock;
  readonly graceMs: number;
}

async function closeAll({ servers, streams, clock, graceMs }: Closing): Promise<void> {
  streams.closeAll();
  const polite = Promise.all(servers.map((server) => server.stop()));
  // `stop()` also waits for idle keep-alive connections; what matters are the answers under way.
  const deadline = clock.monotonic() + graceMs;
  while (servers.some(({ pendingRequests }) => pendingRequests > 0) && clock.monotonic() < deadline) await clock.sleep(LOOK_MS);
  await Promise.race([polite, clock.sleep(FLUSH_MS)]);
  await Promise.all(servers.map((server) => server.stop(true)));
}
