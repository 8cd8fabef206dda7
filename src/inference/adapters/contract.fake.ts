import { systemClock } from "../../kernel/clock.ts";
import type { Json } from "../../kernel/event.ts";
import type { EngineKind, TaskRequest } from "../request.ts";
import { UpstreamClient } from "../upstream/client.ts";
import { type Adapter, type EngineEnd, EngineFault, type EngineSink, type EngineStream } from "./adapter.ts";
import { adapterOf } from "./adapters.ts";

/** What a sink was told, in order. */
export class Told implements Required<EngineSink> {
  readonly calls: string[] = [];
  readonly tokens: string[] = [];
  readonly pieces: Uint8Array[] = [];
  frameTokens = 0;
  results: Json[] = [];
  /** Called at every call, after it was noted. */
  onCall: (call: string) => void = () => undefined;

  opened(): void {
    this.note("opened");
  }
  token(text: string): void {
    this.tokens.push(text);
    this.note("token");
  }
  frames(bytes: Uint8Array, tokens: number): void {
    this.pieces.push(bytes);
    this.frameTokens += tokens;
    this.note("frames");
  }
  result(data: Json): void {
    this.results.push(data);
    this.note("result");
  }
  skipped(): void {
    this.note("skipped");
  }
  alive(): void {
    this.note("alive");
  }

  get text(): string {
    return this.tokens.join("");
  }
  get bytes(): string {
    return Buffer.concat(this.pieces).toString("utf8");
  }
  count(call: string): number {
    return this.calls.filter((made) => made === call).length;
  }

  private note(call: string): void {
    this.calls.push(call);
    this.onCall(call);
  }
}

/** One adapter against one engine. */
export class AdapterRig implements Disposable {
  readonly adapter: Adapter;
  readonly client = new UpstreamClient({ clock: systemClock(), connectTimeoutMs: 2000 });

  constructor(engine: EngineKind) {
    this.adapter = adapterOf(engine, this.client);
  }

  open(url: string, request: TaskRequest, told = new Told()): { stream: EngineStream; told: Told } {
    return { stream: this.adapter.stream({ url, apiKey: "sk-very-secret" }, request, { sink: told }), told };
  }

  async ask(url: string, request: TaskRequest): Promise<{ end?: EngineEnd; fault?: EngineFault; told: Told }> {
    const { stream, told } = this.open(url, request);
    try {
      return { end: await stream.end, told };
    } catch (error) {
      if (error instanceof EngineFault) return { fault: error, told };
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

const TASK: TaskRequest = {
  taskId: "0190c0de-0000-7000-8000-000000000001",
  workload: "completion",
  model: "small",
  priority: "interactive",
  seed: 7,
  determinism: "best_effort",
  kvHint: "reuse",
  placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true },
  shareKey: "k",
  cancelOnDisconnect: true,
  requestId: "r1",
};

export function completion(more: Partial<TaskRequest> = {}): TaskRequest {
  return { ...TASK, prompt: "hello", ...more };
}

export function chat(more: Partial<TaskRequest> = {}): TaskRequest {
  return { ...TASK, workload: "chat", messages: [{ role: "user", content: "hi" }], ...more };
}

/** As a client of `/v1/chat/completions` sends it. */
export function passed(more: { includeUsage?: boolean; body?: Record<string, Json> } = {}): TaskRequest {
  const body = { model: "small", messages: [{ role: "user", content: "hi" }], logit_bias: { "5": 1 }, ...more.body };
  return chat({ openai: { path: "/chat/completions", body, stream: true, includeUsage: more.includeUsage ?? false } });
}
