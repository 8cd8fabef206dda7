import type { NewModel } from "../inference/catalog/body.ts";
import type { ModelView } from "../inference/catalog/model.ts";
import type { NodeView } from "../inference/nodes/node.ts";
import type { PoolHealth, PoolView } from "../inference/pools/pool.ts";
import type { NewPool } from "../inference/service.ts";
import type { Accepted, TaskView } from "../inference/tasks/task.ts";
import type { JsonObject } from "../kernel/event.ts";
import { readSse } from "./sse.ts";
import type { Transport } from "./transport.ts";

/** One event of a task: `started`, `token`, `metrics`, `result`, `end` or `error`. */
export interface TaskEvent {
  readonly event: string;
  readonly data: JsonObject;
}

export interface TaskList {
  readonly tasks: readonly TaskView[];
  readonly next_cursor?: string;
}

/** The inference control plane (inference.md). Every method throws what the daemon threw, or `unreachable`. */
export class InferenceClient {
  constructor(private readonly transport: Transport) {}

  async models(): Promise<readonly ModelView[]> {
    return (await this.transport.json<{ models: readonly ModelView[] }>("/v2/catalog/models")).models;
  }

  model(id: string): Promise<ModelView> {
    return this.transport.json(modelPath(id));
  }

  addModel(body: Partial<NewModel>): Promise<ModelView> {
    return this.transport.json("/v2/catalog/models", { method: "POST", body });
  }

  /** It has begun when this resolves; `model` shows how far it is. */
  workOnModel(id: string, work: "verify" | "fetch"): Promise<ModelView> {
    return this.transport.json(`${modelPath(id)}/${work}`, { method: "POST" });
  }

  setModelState(id: string, state: ModelView["state"]): Promise<ModelView> {
    return this.transport.json(`${modelPath(id)}/state`, { method: "POST", body: { state } });
  }

  async removeModel(id: string): Promise<void> {
    await this.transport.open(modelPath(id), { method: "DELETE" });
  }

  async pools(): Promise<readonly PoolView[]> {
    return (await this.transport.json<{ pools: readonly PoolView[] }>("/v2/pools")).pools;
  }

  addPool(body: NewPool): Promise<PoolView> {
    return this.transport.json("/v2/pools", { method: "POST", body });
  }

  async removePool(id: string): Promise<void> {
    await this.transport.open(poolPath(id), { method: "DELETE" });
  }

  poolHealth(id: string): Promise<PoolHealth> {
    return this.transport.json(`${poolPath(id)}/health`);
  }

  /** It has begun when this resolves; `poolHealth` shows what became of it. */
  async workOnPool(id: string, work: "drain" | "resume" | "reload" | "purge", body: JsonObject = {}): Promise<void> {
    await this.transport.open(`${poolPath(id)}/${work}`, { method: "POST", body });
  }

  async nodes(): Promise<readonly NodeView[]> {
    return (await this.transport.json<{ nodes: readonly NodeView[] }>("/v2/nodes")).nodes;
  }

  async removeNode(id: string): Promise<void> {
    await this.transport.open(`/v2/nodes/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** Those that run and wait, then those that ended, newest first. */
  tasks(query: { limit?: number; cursor?: string } = {}): Promise<TaskList> {
    return this.transport.json("/v2/tasks", { query });
  }

  task(id: string): Promise<TaskView> {
    return this.transport.json(taskPath(id));
  }

  submitTask(body: JsonObject): Promise<Accepted> {
    return this.transport.json("/v2/tasks", { method: "POST", body });
  }

  /** No token follows; also when it had ended before. */
  async cancelTask(id: string): Promise<void> {
    await this.transport.open(`${taskPath(id)}/cancel`, { method: "POST" });
  }

  /** What a task says, until its last event; leaving early cancels it unless it was submitted otherwise. */
  async *taskEvents(id: string, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<TaskEvent> {
    const headers = { accept: "text/event-stream" };
    const response = await this.transport.open(`${taskPath(id)}/events`, { headers, timeoutMs: 0, ...(signal && { signal }) });
    for await (const { event, data } of readSse(response)) yield { event, data: JSON.parse(data) as JsonObject };
  }
}

function modelPath(id: string): string {
  return `/v2/catalog/models/${encodeURIComponent(id)}`;
}

function poolPath(id: string): string {
  return `/v2/pools/${encodeURIComponent(id)}`;
}

function taskPath(id: string): string {
  return `/v2/tasks/${encodeURIComponent(id)}`;
}
