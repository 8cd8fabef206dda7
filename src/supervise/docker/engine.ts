import { existsSync } from "node:fs";
import { errnoOf, messageOf, OrcoError, type ErrorCode } from "../../kernel/errors.ts";

/** Oldest and newest API this client was written for; an engine in between is spoken to in its own version. */
const OLDEST_API = 41;
const NEWEST_API = 52;
const CALL_TIMEOUT_MS = 60_000;
const PING_TIMEOUT_MS = 10_000;
const MAX_MESSAGE_CHARS = 1000;

export interface CallOptions {
  /** Of the whole call; of a stream, until its head is there. 60 s unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Request extends CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is (a tar). */
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** The answer comes when a container has done something: none in time says nothing of docker. */
  readonly patient?: boolean;
}

interface Hello {
  readonly version: string;
  readonly isPodman: boolean;
}

/**
 * The Docker Engine API, 1.41 or newer, at `unix:///path`, `tcp://host:port` or `http(s)://…`. Everything rejects with docker's own message as
 * `invalid`, `not_found`, `conflict`, `forbidden` or `internal` (facts: status, path), with `unavailable` when it does not answer (facts: host),
 * `timeout`, `unsupported` for an engine that is too old, or the signal's reason. `isAway` tells what is docker's absence.
 */
export class Engine {
  private readonly base: string;
  private readonly socket: string | undefined;
  private readonly turns = new Map<string, Promise<unknown>>();
  private hello: Promise<Hello> | undefined;

  constructor(readonly host: string) {
    const url = new URL(host);
    this.socket = url.protocol === "unix:" ? decodeURIComponent(url.pathname) : undefined;
    this.base = this.socket === undefined ? `${url.protocol === "https:" ? "https" : "http"}://${url.host}` : "http://docker";
  }

  /** Where a connection of one's own goes to. */
  get address(): { readonly unix: string } | { readonly hostname: string; readonly port: number; readonly tls: boolean } {
    if (this.socket !== undefined) return { unix: this.socket };
    const { hostname, port, protocol } = new URL(this.base);
    const tls = protocol === "https:";
    return { hostname, port: Number(port || (tls ? 443 : 80)), tls };
  }

  /** The version that is spoken, e.g. `1.41`: the newest that both know. */
  async ping(options: CallOptions = {}): Promise<string> {
    return (await this.greet(options)).version;
  }

  /** Podman, which speaks docker's API where it can. */
  async isPodman(): Promise<boolean> {
    return (await (this.hello ?? this.greet({ timeoutMs: PING_TIMEOUT_MS }))).isPodman;
  }

  private greet(options: CallOptions): Promise<Hello> {
    return this.within("/_ping", options, async ({ signal }) => {
      const answer = await this.open("GET", "/_ping", { signal });
      await answer.text();
      const newest = Number(/^1\.(\d+)$/.exec(answer.headers.get("api-version") ?? "")?.[1] ?? 0);
      const isPodman = answer.headers.has("libpod-api-version");
      if (newest >= OLDEST_API) return { version: `1.${Math.min(newest, NEWEST_API)}`, isPodman };
      throw new OrcoError(
        "unsupported",
        `docker at ${this.host} speaks API 1.${newest}; 1.${OLDEST_API} is needed (Docker 20.10 or newer)`,
      );
    });
  }

  /** The parsed answer; undefined when it has no body. */
  call<Answer>(method: string, path: string, request: Request = {}): Promise<Answer> {
    return this.within(path, request, async ({ signal }) => {
      const answer = await this.versioned(method, path, { ...request, signal });
      const text = await answer.text();
      return (text.trim() === "" ? undefined : JSON.parse(text)) as Answer;
    });
  }

  /** Chunks of the answer as they come, for as long as they come. Leaving the loop closes the connection. */
  async *stream(method: string, path: string, request: Request = {}): AsyncGenerator<Uint8Array, void> {
    const deadline = new Deadline(request);
    try {
      const answer = await this.versioned(method, path, { ...request, signal: deadline.signal });
      deadline.met();
      if (answer.body) yield* answer.body as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw this.trouble(error, { path, deadline });
    } finally {
      deadline.end();
    }
  }

  /** What must not be done twice at once, one after another by its key. */
  async inTurn<Value>(key: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.turns.get(key);
    const mine = (before ?? Promise.resolve()).then(work, work);
    this.turns.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.turns.get(key) === mine) this.turns.delete(key);
    }
  }

  private async within<Answer>(path: string, options: Request, work: (deadline: Deadline) => Promise<Answer>): Promise<Answer> {
    const deadline = new Deadline(options);
    try {
      return await work(deadline);
    } catch (error) {
      throw this.trouble(error, { path, deadline });
    } finally {
      deadline.end();
    }
  }

  private async versioned(method: string, path: string, request: Request & { signal: AbortSignal }): Promise<Response> {
    // Shared by all who call meanwhile, so nobody's signal may end it.
    const asked = (this.hello ??= this.greet({ timeoutMs: PING_TIMEOUT_MS }));
    try {
      const { version } = await orAborted(asked, request.signal);
      return await this.open(method, `/v${version}${path}`, request);
    } catch (error) {
      // It may come back as another version.
      if (this.hello === asked && !isRefusal(error)) this.hello = undefined;
      throw error;
    }
  }

  private async open(method: string, path: string, { query = {}, headers, body, bytes, signal }: Request): Promise<Response> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
    const type = bytes ? "application/x-tar" : "application/json";
    const answer = await fetch(`${this.base}${path}?${search.toString()}`, {
      method,
      redirect: "manual",
      headers: { ...((bytes ?? body) !== undefined && { "content-type": type }), ...headers },
      ...(this.socket !== undefined && { unix: this.socket }),
      ...(signal && { signal }),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(bytes && { body: bytes }),
      timeout: false,
    } as BunFetchRequestInit);
    if (answer.ok || answer.status === 304) return answer;
    throw refusal(answer.status, path, await answer.text());
  }

  /** What a failure of the connection means; refusals and what callers abort with stay as they are. */
  private trouble(error: unknown, { path, deadline }: { path: string; deadline: Deadline }): unknown {
    if (deadline.signal.aborted) return deadline.signal.reason;
    if (error instanceof OrcoError) return error;
    return new OrcoError(
      "unavailable",
      this.absence(errnoOf(error) ?? messageOf(error)),
      { host: this.host, path, away: true },
      { cause: error },
    );
  }

  private absence(why: string): string {
    if (this.socket !== undefined && !existsSync(this.socket))
      return `docker is not running: there is no ${this.socket}. Install it (Debian: apt-get install docker.io), start it (systemctl start docker), or set DOCKER_HOST`;
    if (this.socket !== undefined && why === "EACCES")
      return `docker cannot be used: this user may not open ${this.socket}. Join its group (sudo usermod -aG docker $USER), log in again and start the daemon of orco anew, or set DOCKER_HOST`;
    return `docker does not answer at ${this.host} (${why}): start it (systemctl start docker), or set DOCKER_HOST`;
  }
}

/** The caller's signal and the time limit as one signal, without a listener left behind. */
class Deadline {
  private readonly controller = new AbortController();
  private readonly caller: AbortSignal | undefined;
  private readonly timer: Timer;
  private readonly onAbort = (): void => this.controller.abort(this.caller?.reason);

  constructor({ signal, timeoutMs = CALL_TIMEOUT_MS, patient = false }: Pick<Request, "signal" | "timeoutMs" | "patient">) {
    this.caller = signal;
    if (signal?.aborted) this.onAbort();
    signal?.addEventListener("abort", this.onAbort, { once: true });
    const late = new OrcoError("timeout", `docker has not answered within ${timeoutMs} ms`, { timeout_ms: timeoutMs, away: !patient });
    this.timer = setTimeout(() => this.controller.abort(late), timeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The time limit no longer counts, the caller's signal still does. */
  met(): void {
    clearTimeout(this.timer);
  }

  /** What is still under way ends with it. */
  end(): void {
    clearTimeout(this.timer);
    this.caller?.removeEventListener("abort", this.onAbort);
    this.controller.abort();
  }
}

async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  if (signal.aborted) aborted.reject(signal.reason);
  signal.addEventListener("abort", () => aborted.reject(signal.reason), { once: true });
  aborted.promise.catch(() => undefined);
  return Promise.race([promise, aborted.promise]);
}

/** Docker does not answer, or not in time: whatever was asked for is not at fault, and may have been done all the same. */
export function isAway(error: unknown): boolean {
  return error instanceof OrcoError && error.facts["away"] === true;
}

/** Docker itself has answered. */
function isRefusal(error: unknown): boolean {
  return error instanceof OrcoError && error.facts["status"] !== undefined;
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "forbidden",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  503: "unavailable",
};

/** Podman says 500 of what docker has codes for, and names the cause. */
const CAUSES: readonly (readonly [RegExp, ErrorCode])[] = [
  [/already (?:exists|in use)$|is being used$|^container state improper$/, "conflict"],
  [/^no such container$/, "not_found"],
  [/(?:^invalid argument|invalid reference format)$/, "invalid"],
];

interface Refusal {
  readonly message?: unknown;
  /** Only of podman. */
  readonly cause?: unknown;
}

/** The error of an answer with that status. */
export function refusal(status: number, path: string, text: string): OrcoError {
  const { message, cause } = parsed(text);
  const said = typeof message === "string" ? message.trim() : "";
  // A proxy in between, or a very old engine: then its words as they are.
  const words = (said || text.trim()).slice(0, MAX_MESSAGE_CHARS) || "it refused without a reason";
  const caused = typeof cause === "string" ? CAUSES.find(([pattern]) => pattern.test(cause))?.[1] : undefined;
  return new OrcoError(CODES[status] ?? caused ?? "internal", `docker: ${words}`, { status, path });
}

function parsed(text: string): Refusal {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
