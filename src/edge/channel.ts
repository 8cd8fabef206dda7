import type { StatsAnswer } from "./metrics-counters.ts";
import type { RouteTable } from "./route.ts";

/** What daemon and worker tell each other over `worker-<n>.sock`: one JSON object a line. Both sides ignore types they do not know. */

/** Names a worker's process for good. */
export interface WorkerIdentity {
  readonly number: number;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names this process and no later one. */
  readonly startTime: number;
  /** Which program it runs; a worker of another one is replaced. */
  readonly build: string;
}

/** A worker that says who it is; the first message on every connection. Also an acknowledgement of the table it serves. */
export interface Hello extends Served, WorkerIdentity {
  readonly type: "hello";
}

/** Complete, never a difference: whoever missed one message knows all after the next. */
export interface Served {
  /** Of the table it serves. */
  readonly version: number;
  /** The latest nudge it has looked at the file for: higher than `version` when that look brought nothing. */
  readonly answered: number;
  readonly problems: readonly ListenerProblem[];
  readonly phase: WorkerPhase;
  /** Requests and connections in flight on targets that get nothing new, by target; one that is not named has none. */
  readonly inFlight: Readonly<Record<string, number>>;
  /** How many were cut at the drain timeout, by target. Of the targets that drained last. */
  readonly cut: Readonly<Record<string, number>>;
}

/** leaving: listens no more or soon will not, finishes what is in flight. */
export type WorkerPhase = "serving" | "leaving" | "left";

export interface ListenerProblem {
  readonly listener: string;
  /** errno; `certificate`: PEM files that cannot be used; `table`: the file could not be read (`listener` is empty then). */
  readonly code: string;
  readonly message: string;
}

export type FromWorker =
  | Hello
  | ({ readonly type: "served" } & Served)
  | ({ readonly type: "stats" } & StatsAnswer)
  | { readonly type: "table"; readonly table: RouteTable }
  /** It asks to be replaced: its memory is above the bound. */
  | { readonly type: "pressure"; readonly rssBytes: number; readonly boundBytes: number };

export type ToWorker =
  /** The table has this version now; the answer is `served`. */
  | { readonly type: "nudge"; readonly version: number }
  /** The answer has what changed after `since` (a number from the last answer; 0: everything). */
  | { readonly type: "stats"; readonly since: number }
  /** The answer is the table it serves: for a daemon that finds a torn file. */
  | { readonly type: "table" }
  /** Accept nothing new after `lingerMs`, finish what is in flight within `timeoutMs`, exit. */
  | { readonly type: "leave"; readonly lingerMs: number; readonly timeoutMs: number };

/** More than a table's worth of targets and pools in one message. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Cuts a byte stream into messages. Throws `Error` on a line that is no JSON object or longer than the bound. */
export class MessageReader<T extends { readonly type: string }> {
  private parts: Buffer[] = [];
  private bytes = 0;

  push(chunk: Buffer): T[] {
    const messages: T[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      messages.push(this.parse(Buffer.concat([...this.parts, chunk.subarray(from, at)])));
      this.parts = [];
      this.bytes = 0;
      from = at + 1;
    }
    this.bytes += chunk.length - from;
    if (this.bytes > MAX_LINE_BYTES) throw new Error(`a message of more than ${MAX_LINE_BYTES} bytes`);
    // The buffer belongs to the socket: what is kept is copied.
    if (from < chunk.length) this.parts.push(Buffer.from(chunk.subarray(from)));
    return messages;
  }

  private parse(line: Buffer): T {
    const message: unknown = JSON.parse(line.toString("utf8"));
    if (typeof message === "object" && message !== null && "type" in message) return message as T;
    throw new Error("a message without a type");
  }
}

export function encodeMessage(message: FromWorker | ToWorker): string {
  return `${JSON.stringify(message)}\n`;
}
