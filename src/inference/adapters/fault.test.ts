import { expect, test } from "bun:test";
import type { AnswerHead } from "../upstream/exchange.ts";
import { answerFault, frameFault } from "./fault.ts";

const ASKED = { url: "http://127.0.0.1:8000/v1" };
const WORDS = "your prompt was MY-PROMPT";

function headOf(status: number): AnswerHead {
  return { status, contentType: "application/json", header: () => undefined };
}

test.each([
  [422, { detail: [{ msg: "bad", input: WORDS }] }, "the engine at http://127.0.0.1:8000 answered 422"],
  [500, { error: { message: WORDS } }, "the engine at http://127.0.0.1:8000 answered 500"],
])("of a %d with words of the engine's own the status is kept, not the words", (status, body, kept) => {
  const fault = answerFault(ASKED, headOf(status), JSON.stringify(body));
  expect(fault.message).toContain(WORDS);
  expect(fault.facts.kept).toBe(kept);
});

test("of an error frame too", () => {
  expect(frameFault(ASKED, { message: WORDS, code: 400 }, false).facts.kept).toBe(
    "the engine at http://127.0.0.1:8000 sent an error of status 400",
  );
  expect(frameFault(ASKED, WORDS, true).facts.kept).toBe("the engine at http://127.0.0.1:8000 sent an error");
});

test("what is said by nobody but us is kept as it is", () => {
  expect(answerFault(ASKED, headOf(503), "").facts).not.toHaveProperty("kept");
});
