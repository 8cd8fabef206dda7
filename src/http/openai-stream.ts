import { isUtf8 } from "node:buffer";
import { countedUsage } from "../inference/relay/aggregate.ts";
import type { Outcome } from "../inference/relay/channel.ts";
import { dataOf } from "../inference/relay/frame-data.ts";
import { isJsonObject, type Json, type JsonObject } from "../kernel/event.ts";
import type { Wrapping } from "./inference-stream.ts";
import { openAiFailure } from "./openai-error.ts";

const DONE = new TextEncoder().encode("data: [DONE]\n\n");
/** Finish reason and usage come in the last two pieces at most. */
const LAST_PIECES = 2;
const FINISH = ['"finish_reason":"', '"finish_reason": "'];
const NO_CHOICES = ['"choices":[]', '"choices": []'];
/** How engines begin the delta of the one choice there mostly is. */
const ROLE = '"delta":{"role":"';
const EMPTY_LINES = ["\n\n", "\r\n\r\n"];

/** What a client of the OpenAI API expects around the engine's own frames: a role first, a finish reason, usage where it was asked for, `[DONE]`; and no end where the engine gave none. */
export class OpenAiWrapping implements Wrapping {
  /** Choices whose role has not been seen. */
  private roleless: Set<number>;
  private readonly latest: Uint8Array[] = [];

  constructor(private readonly call: { readonly chat: boolean; readonly choices: number; readonly includeUsage: boolean }) {
    this.roleless = new Set(call.chat ? Array.from({ length: call.choices }, (_, index) => index) : []);
  }

  pass(frames: Uint8Array): Uint8Array {
    const sound = isUtf8(frames) ? frames : inUtf8(frames);
    const passed = this.roleless.size > 0 ? this.withRoles(sound) : sound;
    this.latest.push(passed);
    if (this.latest.length > LAST_PIECES) this.latest.shift();
    return passed;
  }

  last(outcome: Outcome): { bytes: Uint8Array; broken: boolean } {
    if ("failure" in outcome) return { bytes: frameOf({ error: { ...openAiFailure(outcome.failure) } }), broken: true };
    const { end } = outcome;
    const finish = this.includes(FINISH) ? [] : [this.finish(end.finish_reason)];
    const usage = !this.call.includeUsage || this.saidUsage() ? [] : [this.usage(countedUsage(end))];
    return { bytes: Buffer.concat([...finish, ...usage, DONE]), broken: false };
  }

  /** Only the first frames are read, mostly one; what follows passes as it is. */
  private withRoles(frames: Uint8Array): Uint8Array {
    if (this.call.choices === 1 && beginsWithRole(frames)) {
      this.roleless.clear();
      return frames;
    }
    const parts: Uint8Array[] = [];
    let rest = frames;
    while (this.roleless.size > 0 && rest.byteLength > 0) {
      const end = endOfFrame(rest);
      const frame = rest.subarray(0, end);
      const [chunk] = dataOf(frame);
      const complete = chunk === undefined ? chunk : this.withRoleIn(chunk);
      parts.push(complete === chunk || complete === undefined ? frame : frameOf(complete));
      rest = rest.subarray(end);
    }
    return parts.length === 0 ? frames : Buffer.concat([...parts, rest]);
  }

  private withRoleIn(chunk: Json): Json {
    if (!isJsonObject(chunk) || !Array.isArray(chunk["choices"])) return chunk;
    const given = chunk["choices"] as readonly Json[];
    const choices = given.map((choice) => this.withRole(choice));
    return choices.some((choice, at) => choice !== given[at]) ? { ...chunk, choices } : chunk;
  }

  private withRole(choice: Json): Json {
    if (!isJsonObject(choice) || !isJsonObject(choice["delta"])) return choice;
    const { index = 0, delta } = choice;
    if (typeof index !== "number" || !this.roleless.delete(index) || typeof delta["role"] === "string") return choice;
    return { ...choice, delta: { ...delta, role: "assistant" } };
  }

  /** Inside of a text the quotes would be escaped. */
  private includes(marks: readonly string[]): boolean {
    return this.latest.some((frames) =>
      marks.some((mark) => Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength).includes(mark)),
    );
  }

  private finish(reason: string): Uint8Array {
    const said = this.call.chat ? { delta: {} } : { text: "" };
    return frameOf({ ...this.names(), choices: [{ index: 0, ...said, logprobs: null, finish_reason: reason }] });
  }

  /** Mark first: most engines do not need to be read. */
  private saidUsage(): boolean {
    if (!this.includes(NO_CHOICES)) return false;
    return this.read().some(({ choices, usage }) => Array.isArray(choices) && choices.length === 0 && isJsonObject(usage));
  }

  /** As the engine said it beside a choice, else as it was counted. */
  private usage(counted: JsonObject): Uint8Array {
    const usage = this.read().findLast((chunk) => isJsonObject(chunk["usage"]))?.["usage"] ?? counted;
    return frameOf({ ...this.names(), choices: [], usage });
  }

  /** What all chunks of one answer have in common. */
  private names(): JsonObject {
    const { id = "", created = 0, model = "", object = "" } = this.read().at(-1) ?? {};
    return { id, object, created, model };
  }

  private read(): JsonObject[] {
    return this.latest.flatMap(dataOf).filter(isJsonObject);
  }
}

/** U+FFFD in the place of what is no character, as in answers that are read: some SDKs end at the first byte of it. */
function inUtf8(frames: Uint8Array): Uint8Array {
  return Buffer.from(new TextDecoder().decode(frames));
}

/** Seen without reading: inside of a text the quotes would be escaped. */
function beginsWithRole(frames: Uint8Array): boolean {
  const at = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength).indexOf(ROLE);
  return at !== -1 && at < endOfFrame(frames);
}

/** Behind the empty line that ends it. */
function endOfFrame(frames: Uint8Array): number {
  const buffer = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength);
  const ends = EMPTY_LINES.flatMap((line) => {
    const at = buffer.indexOf(line);
    return at === -1 ? [] : [at + line.length];
  });
  return Math.min(frames.byteLength, ...ends);
}

function frameOf(data: Json): Uint8Array {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}
