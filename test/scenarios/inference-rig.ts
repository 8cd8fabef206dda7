import { afterAll, beforeAll, expect } from "bun:test";
import type { HeartbeatPool } from "../../src/inference/nodes/node.ts";
import type { PoolView } from "../../src/inference/pools/pool.ts";
import type { Accepted, TaskView } from "../../src/inference/tasks/task.ts";
import { until } from "../until.ts";
import { Tape } from "./inference-tape.ts";
import { type Ask, type Fields, type Reply, RunsRig } from "./runs-rig.ts";

export type { Fields } from "./runs-rig.ts";

/** The parts of a problem document that a refusal of inference has. */
export interface Problem extends Fields {
  readonly status: number;
  readonly code: string;
  readonly retriable?: boolean;
  readonly retry_after_ms?: number;
  readonly policy_label?: string;
}

const ENDED = ["completed", "failed", "canceled"];

/** An answer whose body is of a known shape. */
export type Told<T> = Omit<Reply, "body"> & { readonly body: T };

/** A daemon on TCP, and what somebody outside can do with its inference API. Every answer of `/v2` is held against the document that it serves itself. */
export class Plane {
  constructor(readonly rig: RunsRig) {}

  get url(): string {
    return this.rig.url;
  }

  async call<T = Fields>(method: string, path: string, ask: Ask = {}): Promise<Told<T>> {
    return (await this.rig.ask(path, { ...ask, method })) as unknown as Told<T>;
  }

  get<T = Fields>(path: string): Promise<Told<T>> {
    return this.call("GET", path);
  }

  post<T = Fields>(path: string, json?: unknown, headers: Record<string, string> = {}): Promise<Told<T>> {
    return this.call("POST", path, { ...(json !== undefined && { json }), headers });
  }

  /** The OpenAI surface, whose errors are no problem documents. */
  async v1<T = Fields>(path: string, json?: unknown, init: RequestInit = {}): Promise<Told<T>> {
    const headers = { ...this.rig.headers, ...(json !== undefined && { "content-type": "application/json" }), ...(init.headers as object) };
    const method = json === undefined ? "GET" : "POST";
    const response = await fetch(`${this.url}/v1${path}`, {
      method,
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...init,
      headers,
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    return { status: response.status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : {}) as T };
  }

  /** A ready pool of the engines at `urls`, which serve `chain` unless `more` says otherwise. */
  async pool(id: string, urls: string | readonly string[], more: Fields & { slots?: number } = {}): Promise<PoolView> {
    const { slots, ...rest } = more;
    const replicas = [urls].flat().map((url, n) => ({ id: `r${n}`, url, ...(slots !== undefined && { slots }) }));
    const { status, text } = await this.call("PUT", `/v2/pools/${id}`, { json: { engine: "mock", models: ["chain"], replicas, ...rest } });
    if (status >= 300) throw new Error(`PUT of the pool was answered ${status}: ${text}`);
    return this.poolThat(id, (pool) => pool.ready && pool.replicas.every(({ ready }) => ready));
  }

  poolThat(id: string, wanted: (pool: PoolView) => boolean): Promise<PoolView> {
    return this.seen(`pool ${id} to be as wanted`, `/v2/pools/${id}`, wanted);
  }

  /** Waits until nothing runs or waits in any pool. */
  async calm(): Promise<void> {
    const idle = ({ queue_depth: depth, slots_free: free, slots_total: total }: PoolView): boolean => depth === 0 && free === total;
    await this.seen<{ pools: PoolView[] }>("all to be idle", "/v2/pools", ({ pools }) => pools.filter(({ ready }) => ready).every(idle));
  }

  /** Posts a task of the model `chain`. */
  ask<T = Problem>(task: Fields = {}, headers: Record<string, string> = {}): Promise<Told<T>> {
    const input = ["prompt", "messages", "inputs"].some((field) => field in task) ? {} : { prompt: "go" };
    return this.post("/v2/tasks", { model_ref: "chain", ...input, ...task }, headers);
  }

  /** One that must be accepted. */
  async task(task: Fields = {}): Promise<Accepted> {
    const { status, body, text } = await this.ask<Accepted>(task);
    if (status !== 202) throw new Error(`the task was answered ${status}: ${text}`);
    return body;
  }

  /** One that runs until it is canceled. */
  async running(task: Fields = {}): Promise<string> {
    const { task_id: id } = await this.task({ prompt: "loop", cancel_on_disconnect: false, ...task });
    await this.taskThat(id, ({ state }) => state === "running");
    return id;
  }

  taskThat(id: string, wanted: (task: TaskView) => boolean): Promise<TaskView> {
    return this.seen(`task ${id} to be as wanted`, `/v2/tasks/${id}`, wanted);
  }

  ended(id: string): Promise<TaskView> {
    return this.taskThat(id, ({ state }) => ENDED.includes(state));
  }

  cancel(id: string): Promise<Reply> {
    return this.post(`/v2/tasks/${id}/cancel`);
  }

  /** Listens to a task; `from`: Last-Event-ID. */
  async events(id: string, { from, verbose = false }: { from?: string; verbose?: boolean } = {}): Promise<Tape> {
    const gone = new AbortController();
    const response = await fetch(`${this.url}/v2/tasks/${id}/events${verbose ? "?verbose=true" : ""}`, {
      headers: { ...this.rig.headers, accept: "text/event-stream", ...(from !== undefined && { "last-event-id": from }) },
      signal: gone.signal,
    });
    return new Tape(response, gone);
  }

  /** All of a task, from its post to the end of its stream. */
  async whole(task: Fields = {}): Promise<Tape> {
    const tape = await this.events((await this.task(task)).task_id);
    await tape.over;
    return tape;
  }

  /** Of a line of /metrics; `series` is the name with its labels as they are written. 0 where there is none. */
  async metric(series: string): Promise<number> {
    const { text } = await this.get("/metrics");
    const line = text.split("\n").find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  }

  async seen<T>(what: string, path: string, wanted: (value: T) => boolean): Promise<T> {
    const look = async (): Promise<{ value: T } | undefined> => {
      const { status, body } = await this.get<T>(path);
      return status === 200 && wanted(body) ? { value: body } : undefined;
    };
    return (await until(what, look, 20_000)).value;
  }
}

/** The plane of a file: a daemon for all its tests. */
export function planeOf(env: Record<string, string> = {}): Plane {
  const rig = new RunsRig({ RATE_LIMIT_MAX: "0", ...env });
  beforeAll(() => rig.up());
  afterAll(() => rig.close());
  return new Plane(rig);
}

/** Holds a refusal to what inference.md says of its code. */
export function expectRefusal({ status, body, headers }: Told<Problem>, wanted: Partial<Problem>): void {
  expect(body).toMatchObject(wanted);
  expect(status).toBe(body.status);
  expect(headers.get("content-type")).toBe("application/problem+json");
  expect(typeof body.retriable).toBe("boolean");
  const { retry_after_ms: ms } = body;
  if (ms === undefined) return;
  expect(headers.get("x-backoff-ms")).toBe(String(ms));
  expect(headers.get("retry-after")).toBe(String(Math.max(1, Math.ceil(ms / 1000))));
}

/** A registration of a node, and its heartbeat, with the pools it has. */
export function nodeWith(id: string, pools: readonly Partial<HeartbeatPool>[]): Fields {
  return {
    node_id: id,
    machine_id: `machine-of-${id}`,
    address: "http://127.0.0.1:9200",
    pools,
    capabilities: { gpus: [{ device_id: "0", name: "H200", vram_total_bytes: 1_000_000 }], cpu_cores: 8, ram_total_bytes: 2 ** 30 },
    version: "1",
  };
}
