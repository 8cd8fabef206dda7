import type { Clock } from "../kernel/clock.ts";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { errorOf } from "./problem.ts";

export interface Target {
  /** Path of the daemon's unix socket; wins over `url`. */
  readonly socket?: string;
  /** `http://host:port`, without a path. */
  readonly url?: string;
  readonly apiKey?: string;
}

export interface Ask {
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Instead of `body`. */
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Until the answer begins; 0 waits for ever. */
  readonly timeoutMs?: number;
  /** Statuses other than 2xx whose body is the answer. */
  readonly accepts?: readonly number[];
}

const ANSWER_TIMEOUT_MS = 10_000;

/** One request, one answer. Throws what the daemon threw, or `unreachable` (facts: address, cause). */
export class Transport {
  constructor(
    private readonly target: Target,
    private readonly clock: Pick<Clock, "after">,
  ) {}

  async json<T>(path: string, ask: Ask = {}): Promise<T> {
    const response = await this.open(path, ask);
    try {
      return (await response.json()) as T;
    } catch (error) {
      throw this.unreachable(error);
    }
  }

  /** Resolves with a 2xx answer as soon as its head is there; the body may still be streaming. */
  async open(path: string, ask: Ask = {}): Promise<Response> {
    const response = await this.send(path, ask);
    if (!response.ok && !ask.accepts?.includes(response.status)) throw await errorOf(response);
    return response;
  }

  /** The connection broke or was never there. */
  unreachable(error: unknown): OrcoError {
    const address = this.target.socket ?? this.target.url ?? "";
    const cause = errnoOf(error) ?? messageOf(error);
    return new OrcoError("unreachable", `the daemon does not answer at ${address} (${cause})`, { address, cause }, { cause: error });
  }

  private async send(path: string, ask: Ask): Promise<Response> {
    const deadline = new AbortController();
    const timeoutMs = ask.timeoutMs ?? ANSWER_TIMEOUT_MS;
    const late = new OrcoError("unreachable", `the daemon gave no answer within ${timeoutMs / 1000} s`, { cause: "timeout" });
    const cancel = timeoutMs > 0 ? this.clock.after(timeoutMs, () => deadline.abort(late)) : () => undefined;
    const signal = ask.signal ? AbortSignal.any([ask.signal, deadline.signal]) : deadline.signal;
    try {
      return await fetch(this.urlOf(path, ask), this.init(ask, signal));
    } catch (error) {
      if (deadline.signal.aborted) throw late;
      if (ask.signal?.aborted) throw ask.signal.reason;
      throw this.unreachable(error);
    } finally {
      cancel();
    }
  }

  private init(ask: Ask, signal: AbortSignal): BunFetchRequestInit {
    const headers: Record<string, string> = { accept: "application/json", ...ask.headers };
    if (this.target.apiKey) headers["authorization"] = `Bearer ${this.target.apiKey}`;
    if (ask.body !== undefined) headers["content-type"] = "application/json";
    if (ask.bytes !== undefined) headers["content-type"] = "application/octet-stream";
    return {
      method: ask.method ?? "GET",
      headers,
      signal,
      redirect: "manual",
      ...(ask.body !== undefined && { body: JSON.stringify(ask.body) }),
      ...(ask.bytes !== undefined && { body: ask.bytes }),
      ...(this.target.socket && { unix: this.target.socket }),
    };
  }

  private urlOf(path: string, ask: Ask): string {
    const base = this.target.socket ? "http://localhost" : (this.target.url ?? "").replace(/\/$/, "");
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(ask.query ?? {})) if (value !== undefined) query.set(key, String(value));
    return query.size > 0 ? `${base}${path}?${query.toString()}` : `${base}${path}`;
  }
}
