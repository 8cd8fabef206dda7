import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import { Answer } from "./answer.ts";
import { type Ask, isObject, parseAsk } from "./ask.ts";
import type { Connection } from "./connection.ts";
import { type Fault, faultInPrompt, NO_FAULT, parseFault } from "./fault.ts";
import { type Output, StreamOutput, WholeOutput } from "./output.ts";
import { Pump } from "./pump.ts";
import { Refusal } from "./refusal.ts";
import type { MockRequest } from "./request-reader.ts";
import type { MockSettings } from "./settings.ts";
import { shapeOf } from "./shape.ts";
import type { Slots } from "./slots.ts";
import { embed, rerank } from "./vectors.ts";
import { once, wordsOf } from "./words.ts";

/** What a client that met full slots is told to wait, in seconds. */
const RETRY_AFTER_S = 1;

interface Parts {
  readonly settings: MockSettings;
  readonly clock: Clock;
  readonly slots: Slots;
}

/** Which request is answered how. */
export class Routes {
  private readonly pump = new Pump();
  private readonly readyAt: number;
  private tasks = 0;
  /** Of requests that ask for none, `first` of them. */
  private fault: Fault;

  constructor(private readonly parts: Parts) {
    this.readyAt = parts.clock.monotonic() + parts.settings.loadingMs;
    this.fault = parts.settings.fault;
  }

  /** Returns what to do when the client goes before it is answered. */
  handle(request: MockRequest, connection: Connection): (() => void) | undefined {
    try {
      this.guard(request);
      const value = this.look(request) ?? this.breakFrom(request);
      if (value !== undefined) {
        connection.answer(200, JSON.stringify(value));
        return undefined;
      }
      return this.work(request, connection);
    } catch (error) {
      const refusal = error instanceof OrcoError ? new Refusal(400, error.message) : error;
      if (!(refusal instanceof Refusal)) throw error;
      connection.answer(refusal.status, refusal.body, refusal.facts.headers);
      return undefined;
    }
  }

  private guard({ path, header }: MockRequest): void {
    const { settings, clock } = this.parts;
    if (clock.monotonic() < this.readyAt) throw new Refusal(503, "Loading model", { type: "unavailable_error", code: 503 });
    if (settings.apiKey === undefined || path === "/health" || path === "/stats") return;
    if (header("authorization") !== `Bearer ${settings.apiKey}`)
      throw new Refusal(401, "Invalid API Key", { type: "authentication_error", code: 401 });
  }

  private look({ method, path }: MockRequest): Json | undefined {
    const { settings, slots } = this.parts;
    if (method !== "GET") return undefined;
    if (path === "/health") return { status: "ok" };
    if (path === "/stats") return { ...slots.stats };
    if (path === "/v1/models" || path === "/models")
      return {
        object: "list",
        data: settings.models.map((id) => ({ id, object: "model", created: 0, owned_by: "orco-mock", meta: { n_ctx: settings.ctx } })),
      };
    if (path === "/props")
      return {
        total_slots: settings.slots,
        model_alias: settings.models[0] ?? "",
        default_generation_settings: { n_ctx: settings.ctx },
        build_info: "orco mock engine",
      };
    if (path === "/slots")
      return slots.all.map((task, id) => ({ id, is_processing: task !== undefined, id_task: task ?? -1, n_ctx: settings.ctx }));
    throw new Refusal(404, `the mock engine has no ${method} ${path}`);
  }

  /** `PUT /fault` with a fault as its body: from now on. */
  private breakFrom({ method, path, body }: MockRequest): Json | undefined {
    if (method !== "PUT" || path !== "/fault") return undefined;
    this.fault = parseFault(body);
    return { ...this.fault };
  }

  private work(request: MockRequest, connection: Connection): (() => void) | undefined {
    const { settings } = this.parts;
    const path = request.path.replace(/^\/v1/, "");
    const chat = path === "/chat/completions";
    if (request.method !== "POST" || !(chat || ["/completions", "/embeddings", "/rerank"].includes(path)))
      throw new Refusal(404, `the mock engine has no ${request.method} ${request.path}`);
    const body = parseBody(request.body);
    if (chat || path === "/completions") {
      const ask = parseAsk(body, { chat, models: settings.models, ctx: settings.ctx });
      return this.answer(ask, this.faultOf(request, ask.prompt), connection);
    }
    const fault = this.faultOf(request, "");
    failAtOnce(fault);
    return this.inSlot((letGo) => {
      const end = (): void => {
        letGo();
        connection.answer(200, JSON.stringify(path === "/embeddings" ? embed(body, settings.models) : rerank(body, settings.models)));
      };
      return this.parts.clock.after(settings.firstTokenMs + (fault.latency_ms ?? 0), () => reply(connection, end));
    });
  }

  private answer(ask: Ask, fault: Fault, connection: Connection): (() => void) | undefined {
    failAtOnce(fault);
    const { settings, clock, slots } = this.parts;
    const id = ++this.tasks;
    const shape = shapeOf(ask, id);
    const ending = { usage: ask.includeUsage, finish: fault.no_finish === undefined, done: fault.no_done === undefined };
    const output: Output = ask.stream ? new StreamOutput(connection, shape, ending) : new WholeOutput(connection, shape);
    const endless = fault.never_end !== undefined;
    const words = ask.echo === undefined ? wordsOf({ ...ask, endless }) : once(ask.echo.match(/\s*\S+/g) ?? [], 0);
    return this.inSlot((letGo) => {
      const onToken = (): void => void slots.stats.tokens++;
      const answer = new Answer({ ask, words, fault, output, connection, settings, clock, pump: this.pump, onToken, onEnd: letGo });
      answer.start();
      return () => answer.stop();
    });
  }

  /** `run` returns how to stop it. */
  private inSlot(run: (letGo: () => void) => () => void): () => void {
    const { slots } = this.parts;
    const running: { stop?: () => void } = {};
    const letGo = slots.take(this.tasks, (release) => {
      running.stop = run(release);
    });
    if (letGo === undefined)
      throw new Refusal(429, "every slot of the mock engine is taken", {
        type: "rate_limit_exceeded",
        code: "slots_full",
        headers: `Retry-After: ${RETRY_AFTER_S}\r\n`,
      });
    return () => {
      running.stop?.();
      slots.stats.canceled++;
      letGo();
    };
  }

  /** Of the request's header, else of its prompt, else the engine's own. */
  private faultOf({ header }: MockRequest, prompt: string): Fault {
    const named = header("x-mock");
    const asked = named !== "" ? parseFault(named) : faultInPrompt(prompt);
    if (asked !== NO_FAULT) return asked;
    const { first, ...fault } = this.fault;
    if (first === 0 || Object.keys(fault).length === 0) return NO_FAULT;
    if (first !== undefined) this.fault = { ...fault, first: first - 1 };
    return fault;
  }
}

/** Of those that need no slot. */
function failAtOnce({ status, retry_after: retryAfterS, error_body: errorBody }: Fault): void {
  const code = status ?? errorBody;
  if (code === undefined) return;
  const headers = retryAfterS === undefined ? "" : `Retry-After: ${retryAfterS}\r\n`;
  throw new Refusal(status ?? 200, "the mock engine was asked to fail", {
    type: code === 429 ? "rate_limit_exceeded" : "server_error",
    code,
    headers,
  });
}

function reply(connection: Connection, end: () => void): void {
  try {
    end();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    connection.answer(error.status, error.body);
  }
}

function parseBody(text: string): JsonObject {
  try {
    const body = JSON.parse(text) as Json;
    if (isObject(body)) return body;
  } catch {
    // Not even JSON.
  }
  throw new Refusal(400, "the body is no JSON object");
}
