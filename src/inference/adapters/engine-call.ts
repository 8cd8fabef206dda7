import type { Json, JsonObject } from "../../kernel/event.ts";
import type { ReadFrame } from "./reading.ts";

/** What an engine is asked for a task, and how its answer is read. */
export interface EngineCall {
  readonly path: string;
  readonly body: JsonObject;
  readonly answer: FramesAnswer | WholeAnswer;
  /** The connection may serve another request afterwards. */
  readonly keep: boolean;
}

/** An event stream. */
export interface FramesAnswer {
  readonly read: ReadFrame;
  /** Frames go on as bytes, with those that only tell usage or without. Absent: the text of tokens goes on. */
  readonly asFrames?: { readonly withUsage: boolean };
}

/** One JSON document. */
export interface WholeAnswer {
  /** As the client gets it; undefined: it is not what was asked for. */
  readonly result: (answer: Json) => Json | undefined;
}
