import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import { readFrame } from "../upstream/frame.ts";
import { FrameSplitter, MAX_FRAME_BYTES } from "../upstream/sse.ts";
import type { EngineSink } from "./adapter.ts";
import type { FrameBytes, Outlet } from "./outlet.ts";
import { parseJson } from "./parse.ts";
import { errorIn, type ReadFrame, type Reading } from "./reading.ts";
import { textOf } from "./text-joiner.ts";
import { TokenTemplate } from "./token-template.ts";

const DONE = "[DONE]";
const BLANK_LINE = Buffer.from("\n\n");

/** Where a stream stands. `more`: all bytes were looked at; `paused`: not all; `done`: its last frame was there; else why it cannot go on. */
export type Standing = "more" | "paused" | "done" | { readonly error: Json } | "oversized";

/** The frames of one answer: cut, read or matched, and passed on in order. */
export class FrameStream {
  opened = false;
  paused = false;
  /** What all frames together said. */
  said: Pick<Reading, "finish" | "tokensIn" | "tokensOut"> = {};
  /** A token, a finish, or at least a choice without either. */
  hasAnswer = false;
  private hasToken = false;
  private readonly splitter = new FrameSplitter();
  private readonly template: TokenTemplate;
  /** latin1 of the splitter's bytes; "" when they hold the end of a frame that came in pieces. */
  private text = "";

  constructor(private readonly of: { readonly sink: EngineSink; readonly outlet: Outlet; readonly read: ReadFrame }) {
    this.template = new TokenTemplate(of.read);
  }

  push(bytes: Buffer): void {
    const spans = this.splitter.pending > 0;
    this.splitter.push(bytes);
    this.text = spans ? "" : latin1Of(this.splitter);
  }

  /** The body is at its end: a last frame without its blank line counts. */
  pushEnd(): void {
    if (this.splitter.pending > 0) this.push(BLANK_LINE);
  }

  pump(): Standing {
    const standing = this.advance();
    this.of.outlet.flush();
    return standing;
  }

  private advance(): Standing {
    const { splitter, template, of } = this;
    while (!this.paused) {
      const { bytes, from } = splitter;
      const to = this.opened && this.text !== "" ? template.match(this.text, from) : -1;
      if (to !== -1) {
        splitter.take(to);
        of.outlet.matched({ bytes, from, to }, template);
      } else if (splitter.next()) {
        const standing = this.frame({ bytes, from, to: splitter.to });
        if (standing !== "more") return standing;
      } else return splitter.pending > MAX_FRAME_BYTES ? "oversized" : "more";
    }
    return "paused";
  }

  private frame(at: FrameBytes): Standing {
    const { splitter, of } = this;
    const { bytes, from, to } = at;
    splitter.take(to);
    if (this.text === "" && splitter.pending > 0) this.text = latin1Of(splitter);
    const { data, event } = readFrame(textOf(bytes, from, to));
    if (data === undefined) return "more";
    if (data.trim() === DONE) return "done";
    const frame = parseJson(data);
    if (event === "error") return { error: (isJsonObject(frame) ? errorIn(frame) : undefined) ?? frame ?? data };
    if (frame === null) return "more";
    if (!isJsonObject(frame)) {
      of.sink.skipped();
      return "more";
    }
    const reading = of.read(frame);
    if (!this.hasAnswer) this.hasAnswer = isAnswer(reading) || hasChoice(frame);
    return this.say(at, reading);
  }

  private say(at: FrameBytes, reading: Reading): Standing {
    const { of } = this;
    if (reading.error !== undefined) return { error: reading.error };
    if (!this.opened) of.sink.opened();
    this.opened = true;
    const { finish, tokensIn, tokensOut } = reading;
    if (finish !== undefined) this.said = { ...this.said, finish };
    if (tokensIn !== undefined) this.said = { ...this.said, tokensIn };
    if (tokensOut !== undefined) this.said = { ...this.said, tokensOut };
    of.outlet.read(at, reading);
    if (reading.text !== "" || reading.aside) this.learn(at, reading);
    return reading.last ? "done" : "more";
  }

  /** From the second token on: what has but one is not worth it. */
  private learn({ bytes, from, to }: FrameBytes, reading: Reading): void {
    if (this.hasToken) this.template.learn(bytes.toString("latin1", from, to), reading);
    this.hasToken = true;
  }
}

function isAnswer({ text, aside, finish }: Reading): boolean {
  return text !== "" || aside || finish !== undefined;
}

function hasChoice({ choices }: JsonObject): boolean {
  return Array.isArray(choices) && (choices as readonly Json[]).some(isJsonObject);
}

function latin1Of({ bytes }: FrameSplitter): string {
  return bytes.toString("latin1");
}
