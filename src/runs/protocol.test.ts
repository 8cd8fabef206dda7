import { expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_MESSAGE_BYTES, parseStepLine } from "./protocol.ts";

test("each kind of message", () => {
  expect(parseStepLine('{"type":"checkpoint","data":[1,{"a":null}],"name":"n"}')).toEqual({
    kind: "checkpoint",
    data: [1, { a: null }],
    name: "n",
  });
  expect(parseStepLine('{ "type" : "checkpoint" }')).toEqual({ kind: "checkpoint" });
  expect(parseStepLine('{"data":{"k":1},"type":"output"}')).toEqual({ kind: "output", data: { k: 1 } });
  expect(parseStepLine('{"type":"progress","percent":150,"message":"a\\nb\\u001b[31m"}')).toEqual({
    kind: "progress",
    percent: 100,
    message: "a b",
  });
  expect(parseStepLine('{"type":"progress"}')).toEqual({ kind: "progress" });
  expect(parseStepLine('{"type":"log","level":"warn","message":"m"}')).toEqual({ kind: "log", level: "warn", message: "m" });
  expect(parseStepLine('{"type":"heartbeat","more":true}')).toEqual({ kind: "heartbeat" });
});

const LINES = [
  "plain text",
  "",
  '{"type":"metric","value":1}',
  '{"type":"checkpoint","data":1',
  '[{"type":"heartbeat"}]',
  '"type":"heartbeat"',
  '{"a":{"type":"heartbeat"}}',
  '{"type":"output","data":[1]}',
  '{"type":"output","data":null}',
  '{"type":"output"}',
  '{"type":"progress","percent":"50"}',
  '{"type":"progress","message":5}',
  '{"type":"checkpoint","name":7}',
  '{"type":"log","message":{}}',
  '{"type":"log","level":3,"message":"m"}',
  '{"type":"heartbeat","type":"checkpoint"}',
  '{"type":"checkpoint","data":{"__proto__":{"a":1}}}',
  `{"type":"checkpoint","data":${"[".repeat(64)}${"]".repeat(64)}}`,
  `{"type":"checkpoint","data":${"[".repeat(400_000)}${"]".repeat(400_000)}}`,
  `{"type":"checkpoint","data":"${"x".repeat(MAX_MESSAGE_BYTES)}"}`,
];

test("everything else is a line of the log, as it stands", () => {
  for (const line of LINES) expect(parseStepLine(line)).toEqual({ kind: "log", message: line });
});

test("whatever is in a checkpoint comes back as it was, and no text is ever lost", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), fc.string(), (data, text) => {
      const sent = JSON.parse(JSON.stringify(data)) as unknown;
      const line = JSON.stringify({ type: "checkpoint", data });
      const known = line.includes('"__proto__":') ? { kind: "log", message: line } : { kind: "checkpoint", data: sent };
      expect(parseStepLine(line)).toEqual(known as never);
      expect(parseStepLine(text)).toEqual({ kind: "log", message: text });
    }),
  );
});
