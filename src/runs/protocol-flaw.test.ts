import { expect, test } from "bun:test";
import { flawOf } from "./protocol-flaw.ts";

test.each([
  ['{"type":"output","data":[1]}', '"type":"output": its data must be an object'],
  ['{"type":"outputs","data":{"a":1}}', '"type":"outputs" is not known; did you mean "output"?'],
  ['{"type":"progress","percent":"50"}', "its percent must be a number"],
  ['{"type":"checkpoint","name":7}', "its name must be a text"],
  ['{"type":"log","message":{}}', "its message must be a text"],
  ['{"type":"checkpoint","data":1', '"type":"checkpoint": not JSON'],
  ['{"type":"heartbeat","type":"checkpoint"}', '"type":"heartbeat": the key "type" is given twice'],
])("%s", (line, flaw) => {
  expect(flawOf(line)).toContain(flaw);
});

test.each(["text", '{"type":"metric"}', '{"a":{"type":"outputs"}}', '{"type":"output","data":{}}', '{"level":"info","msg":"x"}', ""])(
  "nothing is wrong with %s",
  (line) => expect(flawOf(line)).toBeUndefined(),
);
