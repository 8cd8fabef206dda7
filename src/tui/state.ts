import type { GraphView } from "../http/services.ts";
import type { StackView } from "../stack/view.ts";
import type { LogRecord } from "../supervise/logs/record.ts";
import { EMPTY_PANE, type LogPane } from "./log-pane.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Everything that is on the screen, as a value. */
export interface State {
  readonly stack: string;
  readonly size: Size;
  /** `up`: q detaches and Ctrl-C brings the stack down; else both leave. */
  readonly owner: boolean;
  readonly view: StackView | undefined;
  /** The pane that the arrows act on. */
  readonly pane: "table" | "logs";
  /** A service by name: it stays selected wherever it moves. */
  readonly selected: string | undefined;
  /** First service in sight. */
  readonly top: number;
  readonly logs: LogPane;
  readonly overlay: Overlay | undefined;
  readonly prompt: Prompt | undefined;
  readonly message: Message | undefined;
  /** What lasts, such as `stopping demo`. */
  readonly phase: string | undefined;
  /** Why what is shown is not how it is now: the daemon is away. */
  readonly trouble: string | undefined;
  /** Replicas asked for by `+` and `-` that the view does not show yet. */
  readonly asked: Readonly<Record<string, Asked>>;
}

export interface Asked {
  readonly replicas: number;
  /** Views that came since the change was over; the first may have been on their way before. */
  readonly views?: number;
}

/** Covers the panes. */
export interface Overlay {
  /** Absent: it is the help. */
  readonly graph?: GraphView;
  /** First line in sight. */
  readonly top: number;
}

/** The line in which a filter is typed. */
export interface Prompt {
  readonly text: string;
  /** The pattern is none yet. */
  readonly error: string | undefined;
  /** What Esc goes back to. */
  readonly before: LogPane["filter"];
}

export interface Message {
  readonly text: string;
  readonly tone: "info" | "error";
  /** Epoch ms. */
  readonly untilMs: number;
}

export type Event =
  | { readonly type: "view"; readonly view: StackView }
  | { readonly type: "trouble"; readonly trouble: string | undefined }
  | { readonly type: "records"; readonly records: readonly LogRecord[]; readonly fresh: boolean }
  | { readonly type: "key"; readonly key: string }
  | { readonly type: "size"; readonly size: Size }
  | { readonly type: "graph"; readonly graph: GraphView }
  | { readonly type: "said"; readonly text: string; readonly tone: Message["tone"]; readonly nowMs: number }
  | { readonly type: "phase"; readonly phase: string }
  /** A change of the number of replicas was asked for. */
  | { readonly type: "asked"; readonly service: string; readonly replicas: number }
  /** It is over. */
  | { readonly type: "answered"; readonly service: string; readonly done: boolean }
  | { readonly type: "tick"; readonly nowMs: number };

export function initialState(given: Pick<State, "stack" | "size" | "owner">): State {
  return {
    ...given,
    view: undefined,
    pane: "table",
    selected: undefined,
    top: 0,
    logs: EMPTY_PANE,
    overlay: undefined,
    prompt: undefined,
    message: undefined,
    phase: undefined,
    trouble: undefined,
    asked: {},
  };
}

export function servicesOf({ view }: State): StackView["services"] {
  return view?.services ?? [];
}

/** -1 where nothing is selected. */
export function selectedIndex(state: State): number {
  return servicesOf(state).findIndex(({ service }) => service === state.selected);
}
