import type { JsonObject } from "../kernel/event.ts";
import type { StackSummary } from "../stack/view.ts";
import type { RunView } from "../workflow/view.ts";

/** The wire objects that belong to no product; types only. */

/** A journal event on the wire: the journal's own fields, the names its topic stands for, then the event's data. */
export interface EventView {
  /** Cursor of this event on the stream it was read from: `<epochMs>-<seq>`. */
  readonly id: string;
  /** Global, gapless. */
  readonly seq: number;
  /** RFC 3339 UTC with ms. */
  readonly ts: string;
  readonly topic: string;
  readonly type: string;
  readonly stack?: string;
  readonly run?: string;
  readonly service?: string;
  readonly replica?: number;
  readonly reason?: string;
  readonly [key: string]: unknown;
}

export interface HealthView {
  readonly ok: boolean;
  readonly service: string;
  readonly version: string;
}

export interface ReadyView {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string; readonly warning?: string }[];
}

export interface VersionView {
  readonly service: string;
  readonly version: string;
  readonly runtime: string;
}

export interface StackList {
  readonly stacks: readonly StackSummary[];
}

export interface RunList {
  readonly runs: readonly RunView[];
  readonly next_cursor?: string;
}

export interface EventList {
  readonly events: readonly EventView[];
  readonly next_cursor?: string;
}

/** What a stream says besides its events. */
export interface StreamNotice {
  readonly kind: "hello" | "gap" | "snapshot" | "reset";
  readonly data: JsonObject;
}
