import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/event.ts";
import { VERSION } from "../../kernel/version.ts";
import { CredentialSource } from "./credentials.ts";
import type { ClusterAccess } from "./kubeconfig.ts";
import { isPassing, isRefusal, statusError, statusOf } from "./status-error.ts";

export interface Request {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** How long no byte may come, in one try; 15 s unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** How long something is tried that may pass: until `signal` aborts, or for `forMs`. */
export interface Persistence {
  readonly forMs?: number;
  /** Ends waiting between tries, never a request under way: what that did would not be known. */
  readonly signal?: AbortSignal;
  /** Called after every failed try that another one follows. */
  readonly onFailure?: (error: OrcoError) => void;
}

/** How the last request went; of a server that nobody has asked yet, nothing. */
export interface Contact {
  readonly ok: boolean;
  /** Monotonic ms. */
  readonly at: number;
  /** Of a failure: since when there were only failures, and why the last one. */
  readonly since?: number;
  readonly error?: OrcoError;
}

const TIMEOUT_MS = 15_000;
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;
/** Half to one and a half of the wait: a fleet that lost its server does not come back in step. */
const JITTER = 0.5;
/** An API server that has just started knows no roles and no tokens yet, and refuses everybody. */
const STARTING_MS = 15_000;

/** HTTP to one API server. Every request has a time limit; the caller says whether it is worth another try. */
export class KubeClient {
  contact: Contact | undefined;
  private readonly credentials: CredentialSource;
  private closed = false;
  private readonly session = new Bun.FetchSession();

  constructor(
    readonly access: ClusterAccess,
    private readonly clock: Clock,
    env: Readonly<Record<string, string | undefined>>,
  ) {
    this.credentials = new CredentialSource(access.user, env, clock);
  }

  /** One try. Rejects with an `OrcoError` (facts: status, reason, retry_after_s); `unavailable` when another try may do. */
  async json<T>(request: Request): Promise<T> {
    return this.known(request, async (response) => (await response.json()) as T);
  }

  /** Tries until it is done or refused for good. Only for requests that may be made twice. */
  async persist<T>(request: Request, persistence: Persistence = {}): Promise<T> {
    const { forMs = Number.POSITIVE_INFINITY, signal, onFailure } = persistence;
    const began = this.clock.monotonic();
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, MAX_WAIT_MS)) {
      try {
        return await this.json<T>(request);
      } catch (error) {
        const pause = pauseAfter(error, wait * (1 - JITTER + 2 * JITTER * this.clock.random()));
        const later = this.clock.monotonic() - began + pause;
        if (later > forMs || !(isPassing(error) || (isRefusal(error) && later < STARTING_MS))) throw error;
        onFailure?.(error as OrcoError);
        await this.clock.sleep(pause, signal);
      }
    }
  }

  /** An answer that goes on until the server ends it or `signal` aborts. `timeoutMs` is how long nothing may come. */
  async stream(request: Request): Promise<ReadableStream<Uint8Array>> {
    return this.known(request, async ({ body }) => body ?? new ReadableStream({ start: (controller) => controller.close() }));
  }

  /** Every request from now on is `cancelled`. */
  close(): void {
    this.closed = true;
    this.session.close();
  }

  /** A token that has expired is read again, once. */
  private async known<T>(request: Request, read: (response: Response) => Promise<T>): Promise<T> {
    try {
      return await this.once(request, read);
    } catch (error) {
      if (statusOf(error) !== 401) throw error;
      this.credentials.refuse();
      return this.once(request, read);
    }
  }

  private async once<T>(request: Request, read: (response: Response) => Promise<T>): Promise<T> {
    if (this.closed) throw new OrcoError("cancelled", "the daemon ends");
    try {
      const response = await this.send(request);
      if (!response.ok) throw statusError(response.status, await response.text(), response.headers);
      const answer = await read(response);
      this.reached();
      return answer;
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.failed(error);
    }
  }

  private async send({ method = "GET", path, query, body, signal, timeoutMs = TIMEOUT_MS }: Request): Promise<Response> {
    const { token, cert, key } = await this.credentials.get();
    const { server, ca, serverName, insecure } = this.access;
    const asked = query ? `?${new URLSearchParams(query).toString()}` : "";
    return this.session.fetch(`${server}${path}${asked}`, {
      method,
      headers: {
        accept: "application/json",
        "user-agent": `orco/${VERSION}`,
        ...(body !== undefined && { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
      timeout: timeoutMs,
      redirect: "error",
      tls: {
        rejectUnauthorized: !insecure,
        ...(ca !== undefined && { ca }),
        ...(serverName !== undefined && { serverName }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
      },
    });
  }

  /** A stream broke: whether the server still answers is not known. */
  doubt(): void {
    if (this.contact?.ok) this.contact = undefined;
  }

  /** For who knows more than one answer tells. */
  missed(error: OrcoError): void {
    const at = this.clock.monotonic();
    this.contact = { ok: false, at, since: this.contact?.since ?? at, error };
  }

  private reached(): void {
    this.contact = { ok: true, at: this.clock.monotonic() };
  }

  /** An answer is an answer, also when it is no. */
  private failed(thrown: unknown): OrcoError {
    const error = thrown instanceof OrcoError ? thrown : this.silent(thrown);
    if (error.code === "unavailable" || error.code === "unauthorized") this.missed(error);
    else this.reached();
    return error;
  }

  private silent(thrown: unknown): OrcoError {
    const { server } = this.access;
    return new OrcoError(
      "unavailable",
      `the Kubernetes API server ${server} does not answer: ${messageOf(thrown)}`,
      { server },
      { cause: thrown },
    );
  }
}

function pauseAfter(error: unknown, wait: number): number {
  const after = error instanceof OrcoError ? error.facts["retry_after_s"] : undefined;
  return typeof after === "number" ? Math.max(after * 1000, FIRST_WAIT_MS) : wait;
}
