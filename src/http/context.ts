import type { Context } from "hono";
import type { Clock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { HttpConfig } from "./bind.ts";
import type { ExecSessions } from "./exec-sessions.ts";
import type { UploadBudget } from "./upload-budget.ts";
import type { HttpMetrics } from "./http-metrics.ts";
import type { Services } from "./services.ts";
import type { idempotent } from "./idempotency.ts";
import type { OpenStreams } from "./streams.ts";
import type { Tickets } from "./ticket.ts";

/** Where a request came from; made by `server.ts`. */
export interface Connection {
  readonly listener: "unix" | "tcp";
  /** IP address of the peer, `unix` on the socket. */
  readonly peer: string;
  /** Takes the idle timeout off this request. */
  readonly hold: () => void;
}

export interface Env {
  Bindings: Connection;
  Variables: {
    requestId: string;
    /** Template of the matched route, never the raw path. */
    route: string;
    /** Fingerprint of the key that opened this request. */
    keyFingerprint: string;
    /** Of a run's worker: the run that it opens checks it. */
    runToken: string;
    /** For what the request makes, where it carries an Idempotency-Key: the same one when it is sent again. */
    reservedId: string;
    /** Characters of the body that was read. */
    bodyLength: number;
    streaming: boolean;
  };
}

export type Ctx = Context<Env>;

/** One line of the request log. */
export interface RequestRecord {
  readonly request_id: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly status: number;
  readonly duration_ms: number;
  readonly listener: string;
  readonly peer: string;
  readonly key?: string;
  readonly stream?: boolean;
  /** What really happened behind an `internal` answer. */
  readonly error?: string;
}

/** Everything handlers and guards work with; built once by `createServer`. */
export interface Deps {
  readonly services: Services;
  readonly config: HttpConfig;
  readonly clock: Clock;
  readonly log: (record: RequestRecord) => void;
  /** Something went wrong after its request was answered. */
  readonly failed: (requestId: string, error: unknown) => void;
  readonly metrics: HttpMetrics;
  readonly streams: OpenStreams;
  readonly tickets: Tickets;
  readonly idempotent: ReturnType<typeof idempotent>;
  readonly uploads: UploadBudget;
  readonly execs: ExecSessions;
  readonly schemas: Readonly<Record<string, () => JsonObject | Promise<JsonObject>>>;
}
