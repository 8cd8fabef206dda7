import { createParser } from "eventsource-parser";
import type { Clock } from "../../kernel/clock.ts";
import type { TaskRequest } from "../request.ts";
import type { Consumer, Subscription } from "./audience.ts";
import { Channel, type ResumePoint } from "./channel.ts";

export interface Event {
  readonly event: string;
  readonly id?: string;
  readonly data: Record<string, unknown>;
}

/** What the channel asks of the desk, in order. */
export type Asked = "pause" | "resume" | "abandoned";

export function taskOf(more: Partial<TaskRequest> = {}): TaskRequest {
  return {
    taskId: "00000000-0000-4000-8000-000000000001",
    workload: "completion",
    model: "chain",
    prompt: "x",
    priority: "interactive",
    seed: 1,
    determinism: "best_effort",
    kvHint: "reuse",
    placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true },
    shareKey: "anonymous",
    cancelOnDisconnect: true,
    requestId: "r",
    ...more,
  };
}

export function channelOf(clock: Clock, more: Partial<TaskRequest> = {}): { channel: Channel; asked: Asked[] } {
  const asked: Asked[] = [];
  const control = { pause: () => asked.push("pause"), resume: () => asked.push("resume"), abandoned: () => asked.push("abandoned") };
  return { channel: new Channel({ request: taskOf(more), control, clock }), asked };
}

/** A connection: eager ones take everything at once, the others when they are told to. */
export class Reader implements Consumer {
  readonly writes: Uint8Array[] = [];
  isCut = false;
  private readonly subscription: Subscription;

  constructor(
    channel: Channel,
    private readonly how: { readonly lazy?: boolean; readonly from?: ResumePoint; readonly verbose?: boolean } = {},
  ) {
    this.subscription = channel.subscribe(this, how);
    if (!how.lazy) this.takeAll();
  }

  wake(): void {
    if (!this.how.lazy) this.takeAll();
  }

  offer(bytes: Uint8Array): void {
    this.writes.push(bytes);
  }

  cut(): void {
    this.isCut = true;
  }

  takeAll(maxBytes = 64 * 1024): void {
    while (this.take(maxBytes)) continue;
  }

  take(maxBytes: number): boolean {
    const bytes = this.subscription.take(maxBytes);
    if (bytes) this.writes.push(bytes);
    return bytes !== undefined;
  }

  leave(): void {
    this.subscription.leave();
  }

  get isOver(): boolean {
    return this.subscription.isOver();
  }

  get text(): string {
    return Buffer.concat(this.writes).toString("utf8");
  }

  get events(): Event[] {
    return eventsIn(this.text);
  }

  /** Numbers of the events that count. */
  get numbers(): number[] {
    return this.events.flatMap(({ id }) => (id === undefined ? [] : [Number(id.split("-")[1])]));
  }

  get said(): string {
    return this.events.map(({ event, data }) => (event === "token" ? String(data["t"]) : "")).join("");
  }
}

export function eventsIn(text: string): Event[] {
  const events: Event[] = [];
  createParser({
    onEvent: ({ event = "message", id, data }) =>
      events.push({ event, data: JSON.parse(data) as Record<string, unknown>, ...(id !== undefined && { id }) }),
  }).feed(text);
  return events;
}
