import type { ServiceView, StackView } from "../stack/view.ts";
import type { LogRecord } from "../supervise/logs/record.ts";
import { frame } from "./frame.ts";
import { paintWith } from "./paint.ts";
import { reduce } from "./reduce.ts";
import { initialState, type Event, type Size, type State } from "./state.ts";

/** What tests of the screen share: values, and keys pressed one after the other. */

export function service(name: string, given: Partial<ServiceView> = {}): ServiceView {
  return {
    service: name,
    state: "Running",
    ready: true,
    replicas: { ready: 1, live: 1, desired: 1 },
    restarts: 0,
    age_ms: 72_000,
    message: "",
    instances: [],
    ...given,
  };
}

export function viewOf(...services: readonly (string | ServiceView)[]): StackView {
  return { stack: "demo", services: services.map((one) => (typeof one === "string" ? service(one) : one)) };
}

export function record(service: string, message: string, given: Partial<LogRecord> = {}): LogRecord {
  return { timestamp: "2026-01-01T10:00:03.000Z", service, replica: 0, message, source: "stdout", seq: 1, ...given };
}

export function records(...all: readonly LogRecord[]): Event {
  return { type: "records", records: all, fresh: false };
}

export function screenOf(view: StackView, size: Size = { columns: 80, rows: 24 }): State {
  return reduce(initialState({ stack: view.stack, size, owner: false }), { type: "view", view });
}

/** The state after events; a text is a key. */
export function after(state: State, ...events: readonly (Event | string)[]): State {
  return events.reduce<State>((now, event) => reduce(now, typeof event === "string" ? { type: "key", key: event } : event), state);
}

export function lines(state: State, color = false): string[] {
  return frame(state, paintWith({ color }));
}

/** As it reads: without attributes, blanks at the ends of lines gone. */
export function text(state: State): string[] {
  return lines(state).map((line) => Bun.stripANSI(line).trimEnd());
}
