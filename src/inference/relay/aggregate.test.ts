import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "../../kernel/event.ts";
import { Aggregate } from "./aggregate.ts";

const END = { tokens_in: 4, tokens_out: 6, decode_ms: 1, finish_reason: "stop" };
const HEAD = { id: "c1", object: "chat.completion.chunk", created: 7, model: "m" };

function frames(chunks: readonly Json[]): Uint8Array {
  return Buffer.from(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(""));
}

function whole(chunks: readonly Json[], kind: "chat" | "completion" = "chat") {
  const aggregate = new Aggregate(kind);
  aggregate.push(frames(chunks));
  return aggregate.answer(END);
}

const delta = (said: Json, more: object = {}): Json => ({ ...HEAD, choices: [{ index: 0, delta: said, finish_reason: null, ...more }] });

describe("chunks of a chat", () => {
  test("become the answer, with what the engine adds", () => {
    const answer = whole([
      delta({ role: "assistant", content: null }),
      delta({ reasoning_content: "hm" }),
      delta({ reasoning_content: "m" }),
      delta({ content: "Hel" }, { logprobs: { content: [{ token: "Hel", logprob: -1 }] } }),
      delta({ content: "lo" }, { logprobs: { content: [{ token: "lo", logprob: -2 }] } }),
      delta({}, { finish_reason: "length", stop_reason: 5 }),
      { ...HEAD, choices: [], usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }, timings: { n: 1 } },
    ]);
    expect(answer).toEqual({
      id: "c1",
      object: "chat.completion",
      created: 7,
      model: "m",
      timings: { n: 1 },
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hello", reasoning_content: "hmm" },
          logprobs: {
            content: [
              { token: "Hel", logprob: -1 },
              { token: "lo", logprob: -2 },
            ],
          },
          finish_reason: "length",
          stop_reason: 5,
        },
      ],
      usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 },
    });
  });

  test("with tool calls have their arguments put together, and no content", () => {
    const call = (more: Json): Json => delta({ tool_calls: [more] });
    const answer = whole([
      delta({ role: "assistant", content: "" }),
      call({ index: 0, id: "a", type: "function", function: { name: "sum", arguments: "" } }),
      call({ index: 0, function: { arguments: '{"x":' } }),
      call({ index: 1, id: "b", type: "function", function: { name: "now", arguments: "{}" } }),
      call({ index: 0, function: { arguments: "1}" } }),
      delta({}, { finish_reason: "tool_calls" }),
    ]);
    expect(answer["choices"]).toEqual([
      {
        index: 0,
        message: {
          role: "assistant",
          content: null,
          tool_calls: [
            { id: "a", type: "function", function: { name: "sum", arguments: '{"x":1}' } },
            { id: "b", type: "function", function: { name: "now", arguments: "{}" } },
          ],
        },
        logprobs: null,
        finish_reason: "tool_calls",
      },
    ]);
  });

  test("of an engine that says neither role, usage nor reason have them all the same", () => {
    expect(whole([delta({ content: "x" })])).toMatchObject({
      choices: [{ message: { role: "assistant", content: "x" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 },
    });
  });

  test("of several choices are kept apart, in order", () => {
    const of = (index: number, content: string): Json => ({ ...HEAD, choices: [{ index, delta: { content } }] });
    const { choices } = whole([of(1, "b"), of(0, "a"), of(1, "B"), of(0, "A")]) as { choices: { message: { content: string } }[] };
    expect(choices.map(({ message }) => message.content)).toEqual(["aA", "bB"]);
  });

  test("are read whatever the line ends, and nonsense between them is left out", () => {
    const aggregate = new Aggregate("chat");
    aggregate.push(
      Buffer.from(`: hi\r\n\r\ndata: ${JSON.stringify(delta({ content: "a" }))}\r\n\r\ndata: {nonsense\n\ndata: null\n\ndata: [DONE]\n\n`),
    );
    expect(aggregate.answer(END)).toMatchObject({ choices: [{ message: { content: "a" } }] });
  });
});

test("chunks of a completion become its text and logprobs", () => {
  const of = (text: string, logprobs: Json): Json => ({ id: "c", object: "text_completion", choices: [{ index: 0, text, logprobs }] });
  const lists = (token: string): Json => ({ tokens: [token], token_logprobs: [-1], text_offset: [0] });
  expect(whole([of("a", lists("a")), of("b", lists("b"))], "completion")).toMatchObject({
    object: "text_completion",
    choices: [{ index: 0, text: "ab", logprobs: { tokens: ["a", "b"], token_logprobs: [-1, -1] }, finish_reason: "stop" }],
  });
});

test("a piece named as what all objects have in common changes nothing of them", () => {
  const aggregate = new Aggregate("chat");
  const said = `{"choices":[{"delta":{"content":"a","__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}}]}`;
  for (let n = 0; n < 2; n++) aggregate.push(Buffer.from(`data: ${said}\n\n`));
  expect(aggregate.answer(END)).toMatchObject({ choices: [{ message: { content: "aa" } }] });
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("however an answer is cut into chunks and pieces, it is the same", () => {
  const pieces = fc.array(fc.tuple(fc.constantFrom("content", "reasoning_content", "arguments"), fc.string(), fc.boolean()), {
    maxLength: 30,
  });
  fc.assert(
    fc.property(pieces, (said) => {
      const aggregate = new Aggregate("chat");
      const expected = { content: "", reasoning_content: "", arguments: "" };
      let waiting: Json[] = [];
      for (const [field, text, flush] of said) {
        expected[field] += text;
        waiting.push(delta(field === "arguments" ? { tool_calls: [{ index: 0, function: { arguments: text } }] } : { [field]: text }));
        if (!flush) continue;
        aggregate.push(frames(waiting));
        waiting = [];
      }
      aggregate.push(frames(waiting));
      const answer = aggregate.answer(END) as { choices: { message: Record<string, unknown> }[] };
      const message = answer.choices[0]?.message ?? {};
      expect(message["content"] ?? "").toBe(expected.content);
      expect(message["reasoning_content"] ?? "").toBe(expected.reasoning_content);
      const [call] = (message["tool_calls"] ?? []) as { function: { arguments: string } }[];
      expect(call?.function.arguments ?? "").toBe(expected.arguments);
    }),
  );
});
