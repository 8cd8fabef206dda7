import { afterAll, beforeAll, expect } from "bun:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { until } from "../until.ts";
import { ORCO, Rig } from "./rig.ts";
import { Stream } from "./sse-reader.ts";

export type Fields = Record<string, unknown>;

/** One answer: the body parsed where it is JSON. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Fields;
}

/** A run as the API shows it, as far as tests look into it. */
export interface SeenRun extends Fields {
  readonly id: string;
  readonly kind: string;
  readonly mode: string;
  readonly status: string;
  readonly attempt: number;
  readonly steps: readonly SeenStep[];
  readonly error?: { code: string; message: string };
  readonly waiting?: { step: string; kind: string; content_hash?: string };
}

export interface SeenStep extends Fields {
  readonly id: string;
  readonly status: string;
  readonly attempt?: number;
  readonly message?: string;
  readonly outputs?: Fields;
  readonly error?: { code: string; message: string };
}

export interface Ask {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array | ReadableStream<Uint8Array>;
}

const UUIDV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

interface OpenApi {
  readonly paths: Record<string, Record<string, { responses: Record<string, { content?: Fields }> }>>;
}

/** A daemon over TCP, every answer of which is held against the document that it serves itself. */
export class RunsRig extends Rig {
  url = "";
  /** Sent with every request. */
  readonly headers: Record<string, string> = {};
  private readonly validators = new Map<string, ValidateFunction>();
  private document: Promise<OpenApi> | undefined;
  private ajv = new Ajv2020({ strict: false });

  /** A daemon of this home. Unlike a command of the rig it lives until it is killed. */
  async up(): Promise<void> {
    const child = Bun.spawn([ORCO, "serve"], { cwd: this.dir, env: this.base(), stdin: "ignore", stdout: "pipe", stderr: "ignore" });
    let out = "";
    for await (const chunk of child.stdout) {
      out += new TextDecoder().decode(chunk);
      if (out.includes("\n")) break;
    }
    this.url = /^listening on (http:\S+)\n$/.exec(out)?.[1] ?? "";
    if (this.url === "") throw new Error(`the daemon said ${JSON.stringify(out)}`);
  }

  /** Killed, and another one in its place. */
  async again(): Promise<void> {
    await this.killDaemon();
    await this.up();
  }

  /** The answer to a request, checked: problems are whole problem documents, all else is as `/openapi.json` says. */
  async ask(path: string, { headers = {}, json, raw, method = "GET" }: Ask = {}): Promise<Reply> {
    const body = raw ?? (json === undefined ? undefined : JSON.stringify(json));
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const all = { ...this.headers, ...type, ...headers };
    const response = await fetch(this.url + path, { method, headers: all, redirect: "manual", ...(body !== undefined && { body }) });
    const text = await response.text();
    const isJson = /^application\/(?:\S+\+)?json\b/.test(response.headers.get("content-type") ?? "");
    const reply = {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson && text !== "" ? JSON.parse(text) : {}) as Fields,
    };
    if (method !== "HEAD" && path !== "/openapi.json") await this.hold(method, path, reply);
    return reply;
  }

  get(path: string, ask: Ask = {}): Promise<Reply> {
    return this.ask(path, ask);
  }

  post(path: string, json?: unknown, ask: Ask = {}): Promise<Reply> {
    return this.ask(path, { ...ask, method: "POST", ...(json !== undefined && { json }) });
  }

  delete(path: string): Promise<Reply> {
    return this.ask(path, { method: "DELETE" });
  }

  /** The id of a new run. */
  async create(body: unknown, query = ""): Promise<string> {
    const { status, body: made, text, headers } = await this.post(`/runs${query}`, body);
    if (status !== 201) throw new Error(`${status} ${text}`);
    const id = String(made["runId"]);
    expect(id).toMatch(UUIDV7);
    expect(headers.get("location")).toBe(`/runs/${id}`);
    return id;
  }

  /** A run of these steps. */
  plan(steps: readonly Fields[], more: Fields = {}): Promise<string> {
    return this.create({ plan: { steps }, ...more });
  }

  async run(id: string): Promise<SeenRun> {
    const { status, body, text } = await this.get(`/runs/${id}`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    const run = body["run"] as SeenRun;
    for (const key of ["createdAt", "startedAt", "endedAt"]) if (run[key] !== undefined) expect(run[key]).toMatch(TIME);
    return run;
  }

  /** The run, as soon as it is as wanted. */
  runWhen(id: string, wanted: (run: SeenRun) => boolean, timeoutMs = 20_000): Promise<SeenRun> {
    return until(
      `run ${id}`,
      async () => {
        const run = await this.run(id);
        return wanted(run) ? run : undefined;
      },
      timeoutMs,
    );
  }

  ended(id: string): Promise<SeenRun> {
    return this.runWhen(id, ({ status }) => status === "completed" || status === "failed" || status === "canceled", 20_000);
  }

  /** Once its step is as wanted. */
  stepWhen(id: string, step: string, status: string): Promise<SeenRun> {
    return this.runWhen(id, ({ steps }) => steps.some((one) => one.id === step && one.status === status));
  }

  /** The run of these steps when it has ended, with its steps by id. */
  async through(steps: readonly Fields[], more: Fields = {}): Promise<{ run: SeenRun; step: (id: string) => SeenStep }> {
    const run = await this.ended(await this.plan(steps, more));
    return { run, step: (id) => stepOf(run, id) };
  }

  /** Events of a stream as they come; each of a run is held against `/schemas/event.json`. */
  async events(path: string, headers: Record<string, string> = {}): Promise<Stream> {
    const gone = new AbortController();
    const asked = { accept: "text/event-stream", ...this.headers, ...headers };
    const response = await fetch(this.url + path, { headers: asked, signal: gone.signal });
    const valid = await this.validator("event", async () => (await this.get("/schemas/event.json")).body);
    return new Stream(response, gone, (frame) => {
      if (!valid(frame)) refuse(JSON.stringify(frame), valid);
    });
  }

  /** Whether the value is as the named schema of the document says; throws what is wrong. */
  private async hold(method: string, path: string, reply: Reply): Promise<void> {
    const { status, headers, body, text } = reply;
    const said = `${method} ${path.slice(0, 200)} ${status} ${text.slice(0, 500)}`;
    expect(headers.get("x-request-id"), said).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    expect(headers.get("x-correlation-id"), said).toBe(headers.get("x-request-id"));
    if (status >= 400 && !path.startsWith("/ready")) return holdProblem(reply, said);
    const content = await this.answerOf(method, path.split("?")[0] ?? "", status, said);
    const schema = (content?.["application/json"] as { schema?: { $ref?: string } } | undefined)?.schema?.$ref;
    if (schema === undefined) return;
    const valid = await this.validator(schema, async () => ({ $ref: `openapi${schema}` }));
    if (!valid(body)) refuse(said, valid);
  }

  private async answerOf(method: string, path: string, status: number, said: string): Promise<Fields | undefined> {
    this.document ??= this.learn();
    const found = Object.entries((await this.document).paths).find(([template]) =>
      new RegExp(`^${template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
    );
    const answer = found?.[1][method.toLowerCase()]?.responses[String(status)];
    if (method !== "OPTIONS") expect(answer, `not in the document: ${said}`).toBeDefined();
    return answer?.content;
  }

  private async learn(): Promise<OpenApi> {
    const { body } = await this.get("/openapi.json");
    this.ajv.addSchema(body, "openapi");
    return body as unknown as OpenApi;
  }

  private async validator(name: string, make: () => Promise<object>): Promise<ValidateFunction> {
    const known = this.validators.get(name) ?? this.ajv.compile(await make());
    this.validators.set(name, known);
    return known;
  }
}

/** The rig of a file: a daemon for all its tests. */
export function runsRig(env: Record<string, string> = {}): RunsRig {
  const rig = new RunsRig({ RATE_LIMIT_MAX: "0", ...env });
  beforeAll(() => rig.up());
  afterAll(() => rig.close());
  return rig;
}

export function stepOf(run: SeenRun, id: string): SeenStep {
  const found = run.steps.find((step) => step.id === id);
  if (!found) throw new Error(`no step ${id} in ${JSON.stringify(run.steps.map((step) => step.id))}`);
  return found;
}

/** A step that a shell executes. */
export function sh(id: string, script: string, more: Fields = {}): Fields {
  return { id, command: ["sh", "-c", script], ...more };
}

/** Lines of the log of a run. */
export function messagesIn({ text }: Reply): string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

/** Every fact of RFC 9457, and ours; nothing of the inside. */
function holdProblem({ status, headers, body, text }: Reply, said: string): void {
  expect(headers.get("content-type"), said).toBe("application/problem+json");
  for (const key of ["type", "title", "detail", "code", "message", "request_id"]) expect(typeof body[key], said).toBe("string");
  expect(body["status"], said).toBe(status);
  expect(body["message"], said).toBe(body["detail"] as string);
  // A stored answer names the request that it was made for.
  if (!headers.has("idempotency-replayed")) expect(body["request_id"], said).toBe(headers.get("x-request-id") as string);
  expect(status, said).not.toBe(500);
  expect(text, said).not.toMatch(/\.ts:\d|node_modules|SQLITE/);
  for (const error of (body["errors"] ?? []) as Fields[]) {
    expect(typeof error["pointer"], said).toBe("string");
    expect(typeof error["detail"], said).toBe("string");
  }
}

function refuse(said: string, { errors }: ValidateFunction): never {
  throw new Error(`${said}: ${JSON.stringify(errors)}`);
}
