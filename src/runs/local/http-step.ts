import { STATUS_CODES } from "node:http";
import { errnoOf, messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import { runError } from "../../workflow/run.ts";
import { Slots } from "../slots.ts";
import type { StepEnd, StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";
import { MAX_BODY_BYTES, readBody } from "./http-body.ts";
import { type PreparedRequest, requestOf } from "./http-request.ts";
import { endOf } from "./step-end.ts";

/** Bun has 256 connections for all that the daemon asks of others; docker and Kubernetes need some of them. */
const MAX_AT_ONCE = 128;
const EXCERPT_CHARS = 500;

/** Steps as requests, so many at once. None is found again after a crash: it is made anew, with the same idempotency key. */
export function httpSteps({ maxAtOnce = MAX_AT_ONCE }: { maxAtOnce?: number } = {}): StepRunner["start"] {
  const slots = new Slots(maxAtOnce);
  return (execution, output) => Promise.resolve(new HttpExecution(execution, { output, slots }));
}

export const startHttp: StepRunner["start"] = httpSteps();

class HttpExecution implements StepHandle {
  readonly ended: Promise<StepEnd>;
  private readonly stopping = new AbortController();
  private why: "cancel" | "timeout" | undefined;

  constructor(
    private readonly execution: StepExecution,
    private readonly ports: { readonly output: Pick<StepOutput, "log" | "output">; readonly slots: Slots },
  ) {
    this.ended = this.perform();
  }

  /** There is nobody to ask kindly. */
  stop(why: "cancel" | "timeout"): void {
    this.why ??= why;
    this.stopping.abort(new OrcoError("cancelled", "the step was stopped"));
  }

  private async perform(): Promise<StepEnd> {
    const { signal } = this.stopping;
    const { slots } = this.ports;
    let giveBack: (() => void) | undefined;
    try {
      const request = requestOf(this.execution);
      giveBack = await slots.take(signal);
      return await this.exchange(request);
    } catch (error) {
      return this.failure(error);
    } finally {
      giveBack?.();
    }
  }

  private async exchange(request: PreparedRequest): Promise<StepEnd> {
    const answer = await send(request, this.stopping.signal);
    const { value, text, truncated } = await readBody(answer);
    if (truncated) this.note(`only the first ${MAX_BODY_BYTES / 1024} KiB of the answer of ${placeOf(request)} are kept`);
    const outputs = { status: answer.status, headers: headersOf(answer.headers), body: value, ...(truncated && { truncated }) };
    if (answer.ok) return { kind: "completed", outputs };
    // For steps that run when it has failed.
    await this.ports.output.output(outputs);
    return refused(request, answer, text);
  }

  private failure(error: unknown): StepEnd {
    const { timeout_ms: timeoutMs, http } = this.execution.spec;
    if (this.why) return endOf({ stopped: this.why, ...(timeoutMs !== undefined && { timeoutMs }) });
    if (error instanceof OrcoError) return { kind: "failed", error: runError(error), final: true };
    const errno = errnoOf(error);
    const where = `${http?.method ?? ""} ${placeOf({ url: http?.url ?? "" })}`;
    const message = `${where}: ${plainLine(TROUBLE[errno ?? ""] ?? messageOf(error), EXCERPT_CHARS)}`;
    return { kind: "failed", error: { code: "http_failed", message, ...(errno !== undefined && { facts: { errno } }) } };
  }

  private note(message: string): void {
    this.ports.output.log({ at: Date.now(), source: "orco", level: "warn", message });
  }
}

/** The runtime's own words for these are questions. */
const TROUBLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "no connection could be made (ECONNREFUSED): nothing listens there, or it cannot be reached from here",
  ENOTFOUND: "the name of the host is not known (ENOTFOUND)",
  EPROTO: "the TLS handshake failed (EPROTO)",
};

/**
 * A server may close a connection that was kept just as it is used again. What may be said twice is said again then; the rest gets a connection
 * of its own.
 */
async function send(request: PreparedRequest, signal: AbortSignal): Promise<Response> {
  const { method, url, headers, body, idempotent } = request;
  const attempt = (keepalive: boolean): Promise<Response> =>
    fetch(url, {
      method,
      headers,
      redirect: "manual",
      signal,
      keepalive,
      timeout: false, // the step's own counts
      ...(body !== undefined && { body }),
    } as BunFetchRequestInit);
  if (!idempotent) return attempt(false);
  return attempt(true).catch((error: unknown) => {
    if (errnoOf(error) !== "ECONNRESET") throw error;
    return attempt(false);
  });
}

function refused({ method, url }: PreparedRequest, { status, headers }: Response, text: string): StepEnd {
  const body = plainLine(text, EXCERPT_CHARS);
  const location = headers.get("location");
  const answered = `${status} ${STATUS_CODES[status] ?? ""}`.trim();
  const message = `${method} ${placeOf({ url })} answered ${answered}${body === "" ? "" : `: ${body}`}`;
  return { kind: "failed", error: { code: "http_status", message, facts: { status, body, ...(location !== null && { location }) } } };
}

/** Without what may be secret. */
function placeOf({ url }: { readonly url: string }): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** A list where a header came more than once and cannot be joined. */
function headersOf(headers: Headers): JsonObject {
  const cookies = headers.getSetCookie();
  const all = Object.fromEntries(headers.entries());
  return cookies.length > 1 ? { ...all, "set-cookie": cookies } : all;
}
