import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "../../kernel/event.ts";
import { readFrame } from "../upstream/frame.ts";
import { readCompletion } from "./llamacpp.ts";
import { parseObject } from "./parse.ts";
import { type ReadFrame, readOpenAi } from "./reading.ts";
import { readGenerated } from "./tgi.ts";
import { TokenTemplate } from "./token-template.ts";

/** What tempts a scan that looks for words. */
const words = fc.constantFrom(
  '"finish_reason":"stop"',
  '"error":',
  "\\",
  '"',
  '\\"',
  "[DONE]",
  "data:",
  "é",
  "🙂",
  "\n",
  "\u0001",
  "\ufffd",
  " the",
  '"content":"',
  "~orco~",
  "",
);
const text = fc.array(words, { maxLength: 4 }).map((parts) => parts.join(""));
const finish = fc.oneof({ weight: 12, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.constant("stop") });
const more = fc.oneof(
  { weight: 12, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { usage: null },
      { usage: { prompt_tokens: 1, completion_tokens: 2 } },
      { error: null },
      { error: { message: "x" } },
    ),
  },
);

const delta = fc.oneof(
  { weight: 12, arbitrary: text.map((content) => ({ content })) },
  { weight: 1, arbitrary: text.map((reasoning_content) => ({ reasoning_content })) },
  { weight: 1, arbitrary: fc.tuple(text, text).map(([content, reasoning]) => ({ content, reasoning })) },
  { weight: 1, arbitrary: text.map((note) => ({ role: "assistant", content: null, note })) },
  { weight: 1, arbitrary: fc.constant({ tool_calls: [{ function: { arguments: '{"content":"x"}' } }] }) },
);
const choices = fc.oneof(
  { weight: 8, arbitrary: fc.array(fc.tuple(delta, finish), { minLength: 1, maxLength: 1 }) },
  { weight: 1, arbitrary: fc.array(fc.tuple(delta, finish), { maxLength: 2 }) },
);
const chunk = fc.tuple(choices, more, fc.constantFrom("m", "m", "m", '"content":"')).map(([choices, more, model]): JsonObject => ({
  model,
  choices: choices.map(([delta, finish_reason], index) => ({ index, delta: delta as JsonObject, finish_reason })),
  ...more,
}));
const completion = fc
  .tuple(text, fc.boolean())
  .map(([content, stop]): JsonObject => ({ index: 0, content, stop, ...(stop && { stop_type: "eos" }) }));
const generated = fc.tuple(text, fc.boolean()).map(([text, special]): JsonObject => ({ token: { text, special }, generated_text: null }));

/** Characters as JSON may write them: as they are, or all escaped. */
const written = fc.constantFrom(
  (json: string) => json,
  (json: string) => json.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`),
  (json: string) => json.replaceAll('":', '": '),
);
const ending = fc.constantFrom("\n\n", "\n\n", "\r\n\r\n", "\r\r");

describe("a token frame that is matched says what it says when it is read", () => {
  test.each([
    ["openai", readOpenAi, chunk],
    ["llamacpp", readCompletion, completion],
    ["tgi", readGenerated, generated],
  ] as const)("%s", (_, read: ReadFrame, frame) => {
    let matched = 0;
    fc.assert(
      fc.property(fc.array(frame, { minLength: 2, maxLength: 12 }), written, ending, (frames, write, eol) => {
        const template = new TokenTemplate(read);
        for (const json of frames) {
          // Some more stands behind it, as in a stream.
          const alone = `data: ${write(JSON.stringify(json))}${eol}`;
          const latin1 = Buffer.from(alone).toString("latin1");
          const reading = read(parseObject(readFrame(alone).data ?? "") ?? {});
          const to = template.match(`${latin1}data: {`, 0);
          if (to === -1) {
            if (reading.text !== "" || reading.aside) template.learn(latin1, reading);
            continue;
          }
          matched += 1;
          expect(to).toBe(latin1.length);
          const raw = Buffer.from(latin1, "latin1").toString("utf8", template.textFrom, template.textTo);
          const said = JSON.parse(`"${raw}"`) as string;
          const { aside } = template;
          expect(reading).toEqual({ text: aside ? "" : said, aside: aside && said !== "" });
          expect(template.escaped).toBe(raw.includes("\\"));
        }
      }),
      { numRuns: 2000 },
    );
    // It is of use at all.
    expect(matched).toBeGreaterThan(500);
  });

  test("a frame that is not whole is not matched", () => {
    const frame = 'data: {"choices":[{"index":0,"delta":{"content":"ab"},"finish_reason":null}]}\n\n';
    const template = new TokenTemplate(readOpenAi);
    template.learn(frame, { text: "ab", aside: false });
    expect(template.match(frame, 0)).toBe(frame.length);
    for (let to = 0; to < frame.length; to++) expect(template.match(frame.slice(0, to), 0)).toBe(-1);
  });

  test.each(["\\q", "\\u12", "a\tb", "\\"])("a text that is no JSON string is not matched: %j", (text) => {
    const frame = (content: string): string => `data: {"choices":[{"delta":{"content":"${content}"}}]}\n\n`;
    const template = new TokenTemplate(readOpenAi);
    template.learn(frame("ab"), { text: "ab", aside: false });
    expect(template.match(frame("cd"), 0)).toBeGreaterThan(0);
    expect(template.match(frame(text), 0)).toBe(-1);
  });

  test("frames that are all different are not learnt for ever", () => {
    const template = new TokenTemplate(readOpenAi);
    const frame = (at: number): string => `data: {"choices":[{"delta":{"content":"x"}}],"n":"${at}"}\n\n`;
    for (let at = 0; at < 10; at++) template.learn(frame(at), { text: "x", aside: false });
    expect(template.match(frame(9), 0)).toBe(-1);
    expect(template.match(frame(3), 0)).toBeGreaterThan(0);
  });
});
