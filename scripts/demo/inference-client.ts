import type { Stage } from "./stage.ts";

/** One event of a task's stream, and when it came. */
export interface TaskEvent {
  readonly name: string;
  readonly data: Record<string, unknown>;
  /** performance.now() */
  readonly at: number;
}

export interface TaskReply {
  readonly task_id: string;
  readonly queue_position: number;
  readonly predicted_start_ms: number;
}

export interface Pool {
  readonly id: string;
  readonly engine: string;
  readonly ready: boolean;
  readonly slots_total: number;
  readonly slots_free: number;
  readonly replicas: readonly { readonly id: string; readonly url: string; readonly ready: boolean }[];
}

export function apiUrl({ env }: Stage): string {
  return `http://${env["ORCHD_BIND_ADDR"]}`;
}

/** Errors: any status but the one that is expected, with what it said. */
export async function post(stage: Stage, path: string, { body, status }: { body?: object; status: number }): Promise<Response> {
  const answer = await fetch(apiUrl(stage) + path, {
    method: "POST",
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  if (answer.status !== status) throw new Error(`POST ${path} answered ${answer.status}, not ${status}: ${await answer.text()}`);
  return answer;
}

export async function submit(stage: Stage, task: object): Promise<TaskReply> {
  return (await (await post(stage, "/v2/tasks", { body: task, status: 202 })).json()) as TaskReply;
}

export async function pools(stage: Stage): Promise<readonly Pool[]> {
  const answer = await fetch(`${apiUrl(stage)}/v2/pools`);
  return ((await answer.json()) as { pools: Pool[] }).pools;
}

/** The stream of a task, as far as it has come. */
export class TaskStream {
  readonly events: TaskEvent[] = [];
  /** Resolves when the stream has ended, however it did. */
  readonly ended: Promise<void>;
  private wake = Promise.withResolvers<void>();

  constructor(stage: Stage, id: string) {
    this.ended = this.read(`${apiUrl(stage)}/v2/tasks/${id}/events`).finally(() => this.wake.resolve());
  }

  get text(): string {
    return this.of("token")
      .map(({ data }) => String(data["t"]))
      .join("");
  }

  of(name: string): TaskEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  /** Waits for the n-th event of a name. Errors: the stream ends before. */
  async reach(name: string, n = 1): Promise<TaskEvent> {
    let over = false;
    void this.ended.then(() => (over = true));
    for (;;) {
      const found = this.of(name)[n - 1];
      if (found) return found;
      if (over) throw new Error(`the stream ended without ${n} × ${name}: ${this.events.map((event) => event.name).join(" ")}`);
      await this.wake.promise;
    }
  }

  private async read(url: string): Promise<void> {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`GET ${url} answered ${answer.status}: ${await answer.text()}`);
    const decoder = new TextDecoder();
    let text = "";
    for await (const piece of answer.body ?? []) {
      text += decoder.decode(piece as Uint8Array, { stream: true });
      const frames = text.split("\n\n");
      text = frames.pop() ?? "";
      this.take(frames);
    }
  }

  private take(frames: readonly string[]): void {
    const at = performance.now();
    for (const frame of frames) {
      const name = /^event: ?(.*)$/m.exec(frame)?.[1];
      const data = /^data: ?(.*)$/m.exec(frame)?.[1];
      if (name !== undefined && data !== undefined) this.events.push({ name, data: JSON.parse(data) as Record<string, unknown>, at });
    }
    const { resolve } = this.wake;
    this.wake = Promise.withResolvers();
    resolve();
  }
}

/** What a client of `/v1` has read, and how it ended. */
export interface RawStream {
  /** Grows. */
  text(): string;
  readonly begun: Promise<void>;
  /** "ended" when the body was complete, else how it broke. */
  readonly end: Promise<string>;
}

export function rawStream(stage: Stage, path: string, body: object): RawStream {
  const begun = Promise.withResolvers<void>();
  const read = { text: "" };
  const run = async (): Promise<string> => {
    const answer = await post(stage, path, { body, status: 200 });
    const decoder = new TextDecoder();
    for await (const piece of answer.body ?? []) {
      read.text += decoder.decode(piece as Uint8Array, { stream: true });
      begun.resolve();
    }
    return "ended";
  };
  const end = run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  void end.then((how) => begun.reject(new Error(`the stream of ${path} had no beginning: ${how}`)));
  begun.promise.catch(() => undefined);
  return { text: () => read.text, begun: begun.promise, end };
}
