import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseDotenv } from "./dotenv.ts";

test.each([
  ["A=1\nB = two words  \n", { A: "1", B: "two words" }],
  ["# c\n\nexport A=1\r\nB=2\r\n", { A: "1", B: "2" }],
  ["A='a # \\n $B'", { A: "a # \\n $B" }],
  ['A="x\\ny\\t\\"q\\" \\\\ \\$ \\z"', { A: 'x\ny\t"q" \\ $ \\z' }],
  ["A=x # comment\nB=x#y\nC=# all\nD=", { A: "x", B: "x#y", C: "", D: "" }],
  ["A=\"one\ntwo\"\nB='three\nfour' # c", { A: "one\ntwo", B: "three\nfour" }],
  ["A=${B}\nA=later", { A: "later" }],
  ["\uFEFFA=1", { A: "1" }],
  ["A=b=c", { A: "b=c" }],
])("%j", (text, values) => {
  expect(parseDotenv(text)).toEqual({ values, problems: [] });
});

test("what is wrong is told with its place", () => {
  const { values, problems } = parseDotenv('A=1\nnonsense\nB=\'open\nC=3\n__proto__=x\nD="x" y');
  expect(values).toEqual({ A: "1", C: "3", D: "x" });
  expect(problems.map(({ message }) => message)).toEqual([
    "expected NAME=value",
    "the quote ' is never closed",
    'the name "__proto__" is not allowed',
    "only a comment may follow a quoted value",
  ]);
  expect(problems[0]?.at).toBe(4);
});

test("never throws, and a quoted value comes back", () => {
  fc.assert(fc.property(fc.string(), (text) => void parseDotenv(text)));
  fc.assert(
    fc.property(
      fc.string().filter((text) => !/[\0]/.test(text)),
      (value) => {
        const quoted = value
          .replace(/[\\"$]/g, "\\$&")
          .replace(/\n/g, "\\n")
          .replace(/\r/g, "\\r");
        expect(parseDotenv(`A="${quoted}"`).values["A"]).toBe(value);
      },
    ),
  );
});
