import type { PoolHealth, PoolView } from "../../src/inference/pools/pool.ts";
import type { TaskView } from "../../src/inference/tasks/task.ts";
import { until } from "../until.ts";
import type { Rig } from "./rig.ts";

export interface Answered<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

/** The inference API of a rig's daemon, as a client of the wire sees it. */
export class InferenceCalls {
  constructor(private readonly rig: Rig) {}

  async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answered<T>> {
    const answer = await fetch(`http://localhost${path}`, {
      unix: `${this.rig.home}/orco.sock`,
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === "" ? undefined : JSON.parse(text)) as T, headers: answer.headers };
  }

  pool(id: string): Promise<Answered<PoolView>> {
    return this.call("GET", `/v2/pools/${id}`);
  }

  async health(id: string): Promise<PoolHealth> {
    return (await this.call<PoolHealth>("GET", `/v2/pools/${id}/health`)).body;
  }

  /** Waits until the pool is as wanted. */
  poolThat(id: string, wanted: (pool: PoolView) => boolean, timeoutMs = 20_000): Promise<PoolView> {
    const look = async (): Promise<PoolView | undefined> => {
      const { status, body } = await this.pool(id);
      return status === 200 && wanted(body) ? body : undefined;
    };
    return until(`pool ${id} to be as wanted`, look, timeoutMs);
  }

  /** Posts a task; its id. */
  async task(body: Record<string, unknown>): Promise<string> {
    const { status, body: accepted } = await this.call<{ task_id: string }>("POST", "/v2/tasks", { prompt: "go", ...body });
    if (status !== 202) throw new Error(`the task was answered ${status}: ${JSON.stringify(accepted)}`);
    return accepted.task_id;
  }

  /** Waits for its end. */
  ended(id: string, timeoutMs = 20_000): Promise<TaskView> {
    const look = async (): Promise<TaskView | undefined> => {
      const { body } = await this.call<TaskView>("GET", `/v2/tasks/${id}`);
      return ["completed", "failed", "canceled"].includes(body.state) ? body : undefined;
    };
    return until(`task ${id} to end`, look, timeoutMs);
  }

  taskThat(id: string, wanted: (task: TaskView) => boolean): Promise<TaskView> {
    const look = async (): Promise<TaskView | undefined> => {
      const { body } = await this.call<TaskView>("GET", `/v2/tasks/${id}`);
      return wanted(body) ? body : undefined;
    };
    return until(`task ${id} to be as wanted`, look);
  }
}
