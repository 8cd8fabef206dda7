/** An answer of the orchestrator, whatever its status. */
export interface Answer {
  readonly request: string;
  readonly status: number;
  readonly type: string;
  /** The JSON object; empty when the body is none. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly durationMs: number;
}

export interface ApiOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly patienceMs: number;
}

/** The three endpoints of the document. Throws when there is no answer at all. */
export class Api {
  constructor(private readonly options: ApiOptions) {}

  /** `commit` is sent as it is, so that wrong types can be tried. */
  deploy(commit: unknown): Promise<Answer> {
    return this.send("POST", "/deploy", { commit });
  }

  rollback(): Promise<Answer> {
    return this.send("POST", "/rollback", {});
  }

  status(): Promise<Answer> {
    return this.send("GET", "/status");
  }

  async send(method: string, path: string, body?: object): Promise<Answer> {
    const { url, headers, patienceMs } = this.options;
    const request = `${method} ${path}${body === undefined ? "" : ` ${JSON.stringify(body)}`}`;
    const startedAt = performance.now();
    const response = await fetch(`${url.replace(/\/$/, "")}${path}`, {
      method,
      headers: { Accept: "application/json", ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: "manual",
      // A connection that outlives the orchestrator must not be taken for the next one's.
      keepalive: false,
      signal: AbortSignal.timeout(patienceMs),
    });
    const text = await response.text();
    const type = response.headers.get("content-type") ?? "";
    return { request, status: response.status, type, body: objectIn(text), text, durationMs: Math.round(performance.now() - startedAt) };
  }
}

/** Says that it was done, by status and by body. */
export function succeeded({ status, body }: Answer): boolean {
  return status >= 200 && status < 300 && body["success"] === true;
}

/** Says that it was not done, by status, by body or by both. */
export function refused({ status, body }: Answer): boolean {
  return body["success"] !== true && (status >= 400 || body["success"] === false);
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
