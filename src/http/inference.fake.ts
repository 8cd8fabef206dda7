import { failure } from "../inference/failure.ts";
import { Channel } from "../inference/relay/channel.ts";
import type { TaskRequest } from "../inference/request.ts";
import type { InferenceService, TaskService } from "../inference/service.ts";
import type { TaskView } from "../inference/tasks/task.ts";
import { type Clock, systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";
import { absentInference } from "./inference-absent.fake.ts";

export interface FakeTask {
  readonly request: TaskRequest;
  readonly channel: Channel;
  readonly canceled: Promise<void>;
  isCanceled: boolean;
  isPaused: boolean;
}

/** Tasks that only remember; the test is their engine. */
export class FakeTasks implements TaskService {
  readonly made: FakeTask[] = [];
  /** Of the next task. */
  refusal: Error | undefined;
  private waiting: ((task: FakeTask) => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /** The next one that is made. */
  next(): Promise<FakeTask> {
    return new Promise((resolve) => (this.waiting = resolve));
  }

  async accept(request: TaskRequest) {
    this.make(request);
    const sse = `/v2/tasks/${request.taskId}/events`;
    return {
      job_id: request.taskId,
      task_id: request.taskId,
      queue_position: 0,
      predicted_start_ms: 0,
      backoff_ms: 0,
      streams: { sse, sse_verbose: `${sse}?verbose=true` },
      preparation: { steps: [] },
    };
  }

  open(request: TaskRequest): Channel {
    return this.make(request).channel;
  }

  get(id: string): TaskView {
    const { request } = this.find(id);
    const at = new Date(this.clock.now()).toISOString();
    const { taskId, model, workload, priority } = request;
    const fixed = { api: "tasks", pool_id: "p", replica_id: null, tokens_in: 0, tokens_out: 0, accepted_at: at } as const;
    return { task_id: taskId, job_id: taskId, state: "running", model_ref: model, workload, priority, ...fixed };
  }

  list({ limit }: { limit: number }): TaskView[] {
    return this.made.slice(0, limit).map(({ request }) => this.get(request.taskId));
  }

  async cancel(id: string): Promise<void> {
    this.find(id).channel.failed({ code: "CANCELED", message: "canceled", retriable: false });
  }

  channel(id: string): Channel {
    return this.find(id).channel;
  }

  explain({ model }: TaskRequest) {
    return { pool: "p", replica: "r", reason: `serves ${model}`, candidates: [], filtered: [] };
  }

  private make(request: TaskRequest): FakeTask {
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal) throw refusal;
    const { promise: canceled, resolve } = Promise.withResolvers<void>();
    const control = {
      pause: () => void (task.isPaused = true),
      resume: () => void (task.isPaused = false),
      abandoned: () => {
        task.isCanceled = true;
        resolve();
      },
    };
    const channel = new Channel({ request, control, clock: this.clock });
    const task: FakeTask = { request, channel, canceled, isCanceled: false, isPaused: false };
    this.made.push(task);
    this.waiting?.(task);
    return task;
  }

  private find(id: string): FakeTask {
    const task = this.made.find(({ request }) => request.taskId === id);
    if (!task) throw failure("NOT_FOUND", `there is no task ${id}`, { retriable: false });
    return task;
  }
}

export interface InferenceServer extends TestServer {
  readonly tasks: FakeTasks;
  post(path: string, body: unknown, init?: { headers?: Record<string, string>; signal?: AbortSignal }): Promise<Response>;
}

/** A real server whose tasks are the test's own. */
export function startInferenceServer(config: Parameters<typeof startTestServer>[1] = {}): InferenceServer {
  const clock = systemClock();
  const server = startTestServer(clock, config);
  const tasks = new FakeTasks(clock);
  const inference: InferenceService = Object.assign(Object.create(absentInference()) as InferenceService, {
    tasks,
    pools: { list: () => [{ models: ["chain"], queue_depth: 3 }] },
    capabilities: () => ({ admission: { capacity: 10 } }),
  });
  Object.assign(server.daemon, { inference });
  return {
    ...server,
    tasks,
    post: (path, body, { headers, signal } = {}) =>
      fetch(server.url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
        ...(signal && { signal }),
      }),
  };
}
