import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ChatBody } from "./openai-call.ts";
import { isPlainChat } from "./openai-plain.ts";

const odd = fc.oneof(fc.constantFrom(null, true, false, "", "x", 0, 1, 1.5, -1, 129, 2 ** 53, [], {}), fc.jsonValue({ maxDepth: 2 }));
const text = fc.string({ maxLength: 5 });
const count = fc.integer({ min: 1, max: 100 });
const right = {
  model: text.filter((id) => id !== ""),
  messages: fc.array(fc.record({ role: text, content: fc.oneof(text, odd) }, { requiredKeys: ["role"] }), { minLength: 1, maxLength: 3 }),
  stream: fc.boolean(),
  stream_options: fc.record({ include_usage: fc.boolean(), other: odd }, { requiredKeys: [] }),
  max_tokens: count,
  max_completion_tokens: count,
  seed: fc.integer(),
  n: count,
  user: text,
  temperature: odd,
};
const fields = Object.keys(right) as (keyof typeof right)[];

describe("the quick look at a chat", () => {
  test("lets nothing pass that the schema would not take as it is", () => {
    const body = fc.oneof(
      fc.record(right, { requiredKeys: ["model", "messages"] }),
      fc.record(Object.fromEntries(fields.map((name) => [name, fc.oneof(right[name], odd)])), { requiredKeys: [] }),
      odd,
    );
    fc.assert(
      fc.property(body, (body) => {
        if (!isPlainChat(body)) return;
        const read = ChatBody.safeParse(body);
        expect(read.success).toBe(true);
        expect(read.data).toEqual(body as never);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["hasOwnProperty", "constructor", "toString"])("a field may have any name: %s", (name) => {
    expect(isPlainChat({ model: "m", messages: [{ role: "user" }], [name]: 1 })).toBe(true);
  });

  test("knows what clients send", () => {
    fc.assert(
      fc.property(fc.record(right, { requiredKeys: ["model", "messages"] }), (body) => {
        expect(isPlainChat(body)).toBe(true);
      }),
    );
  });

  test.each([
    ["no model", { messages: [{ role: "user" }] }],
    ["no messages", { model: "m" }],
    ["a list", [{ role: "user" }]],
    ["a message without a role", { model: "m", messages: [{}] }],
    ["a model that is too long", { model: "m".repeat(1001), messages: [{ role: "user" }] }],
    ["too many choices", { model: "m", messages: [{ role: "user" }], n: 129 }],
  ])("%s is left to the schema", (_, body) => expect(isPlainChat(body)).toBe(false));
});
