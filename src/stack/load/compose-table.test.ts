import { expect, test } from "bun:test";
import { expand } from "./template.ts";

/** Interpolation as the specification of compose has it, for a variable that is set, empty and unset. `!`: refused with this text. */
const TABLE: [text: string, set: string, empty: string, unset: string][] = [
  ["${A}", "a", "", "!variable A is not set"],
  ["$A", "a", "", "!variable A is not set"],
  ["${A:-d}", "a", "d", "d"],
  ["${A-d}", "a", "", "d"],
  ["${A:?m}", "a", "!variable A is empty: m", "!variable A is not set: m"],
  ["${A?m}", "a", "", "!variable A is not set: m"],
  ["${A:+y}", "y", "", ""],
  ["${A+y}", "y", "y", ""],
  ["${A:-${B}}", "a", "b", "b"],
  ["${A-${B-${C}}}", "a", "", "b"],
  ["${A:-${C:-${B}}}", "a", "b", "b"],
  ["${A?$B}", "a", "", "!variable A is not set: b"],
  ["${A:?${B} is needed}", "a", "!variable A is empty: b is needed", "!variable A is not set: b is needed"],
  ["${A:+${B}}", "b", "", ""],
  ["${A:-}", "a", "", ""],
  ["${A:-x-y:z?w+v}", "a", "x-y:z?w+v", "x-y:z?w+v"],
  ["${A:-http://${B}:80/}", "a", "http://b:80/", "http://b:80/"],
  ["${A:-{{.x}}}", "a}}", "{{.x}}", "{{.x}}"],
  ["$$A", "$A", "$A", "$A"],
  ["$${A}", "${A}", "${A}", "${A}"],
  ["$$$A", "$a", "$", "!variable A is not set"],
  ["${A:-$$}", "a", "$", "$"],
  ["pre-${A:-d}-post", "pre-a-post", "pre-d-post", "pre-d-post"],
];

test.each(TABLE)("%s", (text, set, empty, unset) => {
  const states: readonly Readonly<Record<string, string>>[] = [{ A: "a", B: "b" }, { A: "", B: "b" }, { B: "b" }];
  const found = states.map((vars) => {
    const { text: expanded, problems } = expand(text, (name) => vars[name]);
    return problems.length > 0 ? `!${problems[0]?.message}` : expanded;
  });
  expect(found).toEqual([set, empty, unset]);
});

test.each(["${A", "${A:-d", "${}", "${1}", "${A!x}", "${ A }"])("%s is refused", (text) => {
  expect(expand(text, () => "a").problems).toHaveLength(1);
});
