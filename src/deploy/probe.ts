import { STATUS_CODES } from "node:http";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { formatSpan } from "../kernel/duration.ts";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { VERSION } from "../kernel/version.ts";
import { open } from "../supervise/probes/connection.ts";
import { MAX_ANSWER_BYTES, type ProbeAnswer, readAnswer } from "./probe-answer.ts";

/** A try that hangs is left to hang, and another one made beside it: the endpoint may only be slow, or have lost that one connection. */
const HEDGE_MS = 1000;
const MAX_HANGING = 4;
/** What has come of the body of a bad answer by then is shown. */
const BODY_PATIENCE_MS = 100;

export interface HealthPoll {
  readonly port: number;
  readonly path: string;
  /** Of all tries together. */
  readonly timeoutMs: number;
  /** Between the end of a try and the next one. */
  readonly intervalMs: number;
  /** Settles when the process has ended. */
  readonly ended: Promise<unknown>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

export type HealthOutcome =
  | { readonly ok: true; readonly status: number; readonly tries: number }
  | {
      readonly ok: false;
      /** For people: what was asked, for how long, and what came of it. */
      readonly detail: string;
      /** Of the last answer; absent when the last try got none. */
      readonly status?: number;
      readonly location?: string;
      /** 1 KiB at most, without control characters. */
      readonly body?: string;
    };

/**
 * Asks `http://127.0.0.1:<port><path>` until it answers 2xx (deploy.md, health). Redirects are answers, not followed. Fails at the timeout, and at
 * once when the process ends. Rejects only when the signal aborts, with its reason.
 */
export async function pollHealth(poll: HealthPoll): Promise<HealthOutcome> {
  poll.signal?.throwIfAborted();
  const over = new AbortController();
  const result = Promise.withResolvers<HealthOutcome>();
  const onAbort = (): void => result.reject(poll.signal?.reason);
  poll.signal?.addEventListener("abort", onAbort, { once: true });
  const tries = new Tries(poll, over.signal, (outcome) => result.resolve(outcome));
  const cancel = poll.clock.after(poll.timeoutMs, () => result.resolve(tries.timedOut()));
  const ended = (): void => result.resolve(tries.failure("the process ended before it answered 2xx"));
  poll.ended.then(ended, ended);
  tries.next();
  try {
    return await result.promise;
  } finally {
    cancel();
    poll.signal?.removeEventListener("abort", onAbort);
    over.abort(new OrcoError("cancelled", "the health check is over"));
  }
}

class Tries {
  private made = 0;
  private hanging = 0;
  private last: ProbeAnswer | undefined;

  constructor(
    private readonly poll: HealthPoll,
    private readonly over: AbortSignal,
    private readonly onHealthy: (outcome: HealthOutcome) => void,
  ) {}

  /** false when enough tries hang already. */
  next(): boolean {
    if (this.over.aborted || this.hanging >= MAX_HANGING) return false;
    const { clock, intervalMs } = this.poll;
    this.made++;
    this.hanging++;
    let hedged = false;
    const hedge = clock.after(HEDGE_MS, () => {
      hedged = this.next();
    });
    void ask(this.poll, this.over).then((answer) => {
      hedge();
      this.hanging--;
      if (this.over.aborted) return;
      this.last = answer;
      if ("status" in answer && answer.status >= 200 && answer.status < 300)
        this.onHealthy({ ok: true, status: answer.status, tries: this.made });
      else if (!hedged) clock.after(intervalMs, () => this.next());
    });
    return true;
  }

  timedOut(): HealthOutcome {
    const { path, port, timeoutMs } = this.poll;
    return this.failure(`${path} on port ${port} did not answer 2xx within ${formatSpan(timeoutMs)}: ${this.saw()}`);
  }

  failure(detail: string): HealthOutcome {
    if (!this.last || "problem" in this.last) return { ok: false, detail };
    const { status, location, body } = this.last;
    return { ok: false, detail, status, ...(location !== undefined && { location }), ...(body !== "" && { body }) };
  }

  private saw(): string {
    if (!this.last) return "the connection was taken, but no answer came";
    if ("problem" in this.last) return this.last.problem;
    const { status, reason, location } = this.last;
    const line = `it answers ${status} ${reason || (STATUS_CODES[status] ?? "")}`.trimEnd();
    const redirects = status >= 300 && status < 400 && location !== undefined;
    return redirects ? `${line} to ${location}, and redirects are not followed` : line;
  }
}

/** One try; it lasts as long as the server lets it, or until `over`. */
async function ask({ port, path, clock }: HealthPoll, over: AbortSignal): Promise<ProbeAnswer> {
  const answer = Promise.withResolvers<ProbeAnswer>();
  let received = "";
  let cancel: CancelTimer | undefined;
  const settle = (closed: boolean): void => {
    const found = readAnswer(received, closed);
    if (found) answer.resolve(found);
    else if (received.includes("\r\n\r\n")) cancel ??= clock.after(BODY_PATIENCE_MS, () => settle(true));
  };
  const trouble = (error: unknown): ProbeAnswer => ({ problem: troubleOf(error, port) });
  try {
    const connection = await open(
      { host: "127.0.0.1", port, secure: false },
      {
        onOpen: () => undefined,
        onData: (chunk) => {
          received += chunk.toString("latin1", 0, MAX_ANSWER_BYTES - received.length);
          settle(false);
        },
        onEnd: (error) => (error && received === "" ? answer.resolve(trouble(error)) : settle(true)),
      },
      over,
    );
    connection.write(requestFor(port, path));
    const found = await answer.promise;
    connection.end();
    return found;
  } catch (error) {
    return trouble(error);
  } finally {
    cancel?.();
  }
}

function requestFor(port: number, path: string): Buffer {
  const fields = `Host: 127.0.0.1:${port}\r\nUser-Agent: orco/${VERSION}\r\nAccept: */*\r\nConnection: close`;
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${fields}\r\n\r\n`);
}

function troubleOf(error: unknown, port: number): string {
  const code = errnoOf(error);
  if (code === "ECONNREFUSED") return `nobody listens on port ${port} (connection refused)`;
  if (code === "ECONNRESET" || code === "EPIPE") return "the connection was reset";
  return `the connection failed: ${messageOf(error)}`;
}
