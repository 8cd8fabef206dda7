import { join } from "node:path";
import { readSse, type SseMessage } from "../../src/client/sse.ts";
import { between } from "./rig.ts";

const ANSWER_TIMEOUT_MS = 10_000;
const PAUSE_MS = 20;
/** What asks to come again: an engine that is away, a first request still under way. */
const COMES_BACK: ReadonlySet<number> = new Set([429, 503, 507]);

export interface Ask {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  /** Of a run's attempt. */
  readonly token?: string;
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** Requests that were sent until this answer came. */
  readonly tries: number;
}

/** A daemon that comes and goes, as anybody meets it who has only its socket. */
export class RunApi {
  private readonly unix: string;

  constructor(home: string) {
    this.unix = join(home, "orco.sock");
  }

  /** Undefined: no answer came, and nobody knows what was done. Each request has a connection of its own, so that nothing repeats it by itself. */
  async once(path: string, ask: Ask = {}): Promise<Omit<Answer, "tries"> | undefined> {
    const { method = ask.body === undefined ? "GET" : "POST", body } = ask;
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    try {
      const response = await fetch(`http://localhost${path}`, {
        unix: this.unix,
        keepalive: false,
        method,
        signal,
        headers: headersOf(ask),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    } catch {
      return undefined;
    }
  }

  /** Again and again until there is an answer that does not ask to come again. */
  async insist(path: string, ask: Ask = {}, isWanted: () => boolean = () => true): Promise<Answer | undefined> {
    for (let tries = 1; isWanted(); tries++) {
      const answer = await this.once(path, ask);
      if (answer && !asksAgain(answer)) return { ...answer, tries };
      await pause(PAUSE_MS);
    }
    return undefined;
  }

  /** The stream from after `lastId` until it ends by itself, or for about `forMs`. `seen`: 204, there is nothing more. */
  async stream(
    path: string,
    { lastId, forMs, each }: { lastId: string | undefined; forMs: number; each: (message: SseMessage) => void },
  ): Promise<"seen" | "over"> {
    const leave = new AbortController();
    const timer = setTimeout(() => leave.abort(), forMs);
    try {
      const headers = { accept: "text/event-stream", ...(lastId !== undefined && { "last-event-id": lastId }) };
      const response = await fetch(`http://localhost${path}`, { unix: this.unix, keepalive: false, headers, signal: leave.signal });
      if (response.status === 204) return "seen";
      if (!response.ok) throw new Error(`${path} after ${lastId}: ${response.status} ${await response.text()}`);
      for await (const message of readSse(response)) each(message);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith(path)) throw error;
      await pause(between(1, PAUSE_MS));
    } finally {
      clearTimeout(timer);
      leave.abort();
    }
    return "over";
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function headersOf({ body, token, key }: Ask): Record<string, string> {
  return {
    accept: "application/json",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(token !== undefined && { "x-run-token": token }),
    ...(key !== undefined && { "idempotency-key": key }),
  };
}

function asksAgain({ status, body }: Omit<Answer, "tries">): boolean {
  return COMES_BACK.has(status) || body["retry_after_s"] !== undefined;
}
