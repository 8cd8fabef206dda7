import type { Clock } from "../../kernel/clock.ts";
import type { Pool } from "../pool.ts";
import type { Front } from "../route.ts";
import type { Dial, Wire } from "../wire.ts";
import type { Client } from "./client.ts";
import type { Deadlines } from "./deadlines.ts";
import type { HostTable } from "./hosts.ts";
import type { IdleUpstreams } from "./idle.ts";
import type { Failure } from "./page.ts";

/** One front of a listener with what counts for it. */
export interface Site {
  readonly front: Front;
  readonly pool: Pool;
  readonly meter: Meter;
}

/** What is counted for one front (`FrontCounter` of metrics-counters.ts). */
export interface Meter {
  /** 499: the client left before the end of the answer. */
  finished(code: number, durationMs: number): void;
  retried(): void;
  addInFlight(by: 1 | -1): void;
  addHeld(by: 1 | -1): void;
  /** Of clients. One that changes between fronts counts for the one it asked last. */
  addConnection(by: 1 | -1): void;
}

/** One line of the access log. */
export interface AccessRecord {
  /** RFC 3339, of the beginning. */
  readonly time: string;
  readonly client: string;
  readonly method: string;
  /** As the client sent it, lower case; with its port. */
  readonly host: string;
  /** Without the query: that is where tokens and addresses of people are. */
  readonly path: string;
  readonly status: number;
  /** Of the bodies, framing included. */
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly duration_ms: number;
  readonly request_id: string;
  readonly user_agent: string;
  /** `host:port`, and the id of the target; absent: none was reached. */
  readonly upstream?: string;
  readonly target?: string;
  /** Absent: nobody answers for the host. */
  readonly front?: string;
  readonly retries: number;
  /** As in X-Orco-Error, or `client_closed`, `target_cut`, `drained`, … for an answer that ended too early. */
  readonly error?: string;
}

/** What all connections of a listener share. */
export interface Service {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly dial: Dial;
  readonly idle: IdleUpstreams;
  readonly sites: HostTable<Site>;
  /** Requests that no front answers for, or that are none. */
  readonly stray: Meter | undefined;
  /** Absent: no record is made. */
  readonly log: ((record: AccessRecord) => void) | undefined;
  /** Every answer from now on is the last one on its connection. */
  readonly retiring: boolean;
  /** For a head whose front is not known yet. */
  readonly clientMs: number;
  readonly trusts: (peer: string) => boolean;
  readonly requestId: () => string;
  /** A connection of a client has ended. */
  clientGone(client: Client): void;
  /** Answers what could not be read. The caller closes. */
  refused(wire: Wire, failure: Failure): void;
}
