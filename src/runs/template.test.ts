import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../kernel/event.ts";
import { fillJson, fillText, fillValue, referencesIn, type Scope } from "./template.ts";

const outputs: JsonObject = { url: "http://x", list: [1, { a: "b" }], none: null, on: true, n: 1.5, "content-type": "t" };
const scope: Scope = {
  run: { id: "r-1" },
  input: { name: "Ada", deep: { er: [10, 20] } },
  outputs: (step) => (step === "build" ? outputs : undefined),
  item: { value: { host: "h1" }, index: 3 },
};

describe("a text with references", () => {
  const texts: [text: string, filled: string][] = [
    ["plain", "plain"],
    ["", ""],
    ["${steps.build.outputs.url}/health", "http://x/health"],
    ["${input.name}-${run.id}-${index}-${item.host}", "Ada-r-1-3-h1"],
    ["${input.deep.er[1]} ${input.deep.er.0}", "20 10"],
    ["${steps.build.outputs.list}", '[1,{"a":"b"}]'],
    ["x${steps.build.outputs.none}${steps.build.outputs.on}${steps.build.outputs.n}", "xnulltrue1.5"],
    ["${steps.build.outputs.content-type}", "t"],
    ["$${HOME} $HOME $$ $", "${HOME} $HOME $$ $"],
    ["$${ ${input.name} }", "${ Ada }"],
    ["$$${input.name}", "$${input.name}"],
  ];
  for (const [text, filled] of texts) test(text || "(empty)", () => expect(fillText(text, scope)).toBe(filled));

  const refused: [text: string, why: string][] = [
    ["${HOME}", "write $${HOME}"],
    ["${", "is never closed"],
    ["${steps.build.url}", "reads no outputs"],
    ["${steps.build.outputs.missing}", "has no value"],
    ["${steps.other.outputs.x}", "has no value"],
    ["${input.constructor}", "has no value"],
    ["${input.deep.er.length}", "has no value"],
    ["${input.name.0}", "has no value"],
    ["${input..x}", "is no reference"],
    ["${run.name}", "is not known"],
    ["${index.x}", "has no fields"],
  ];
  for (const [text, why] of refused) test(`${text} ${why}`, () => expect(() => fillText(text, scope)).toThrow(why));
});

test("a text that is one reference keeps its type where JSON is wanted", () => {
  expect(fillJson({ a: "${steps.build.outputs.list}", b: ["${index}", "n=${index}"], c: 1, "${x}": null }, scope)).toEqual({
    a: [1, { a: "b" }],
    b: [3, "n=3"],
    c: 1,
    "${x}": null,
  });
});

test("what a value holds is not filled in again", () => {
  const evil: Scope = { ...scope, input: { x: "${run.id}" } };
  expect(fillText("${input.x}", evil)).toBe("${run.id}");
});

test("references are told with their step and path", () => {
  expect(referencesIn("a ${steps.b.outputs.c.d} $${no} ${run.id}")).toEqual([
    { root: "steps", step: "b", path: ["c", "d"], text: "${steps.b.outputs.c.d}" },
    { root: "run", path: ["id"], text: "${run.id}" },
  ]);
});

test("any text, once escaped, stands as it is", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("$", "{", "}", "a", "$$", "${", "x}"), { maxLength: 12 }), (pieces) => {
      // A dollar sign before the escape would be taken for part of it.
      const text = pieces.join("").replaceAll(/\$+\{/g, "${");
      expect(
        fillValue(
          text.replaceAll("${", () => "$${"),
          scope,
        ),
      ).toBe(text);
    }),
  );
});

test("any JSON without references stays what it is", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      fc.pre(!JSON.stringify(value).includes("${"));
      expect(JSON.stringify(fillJson(value as Json, scope))).toBe(JSON.stringify(value));
    }),
  );
});

test("a few references to a long value do not add up to more than a daemon can hold", () => {
  const long: Scope = {
    ...scope,
    input: { text: "x".repeat(256 * 1024), list: Array.from({ length: 10_000 }, () => "xxxxxxxxxxxxxxxxxxxxxx") },
  };
  const refusal = "longer than";
  expect(() => fillText("${input.text}".repeat(1000), long)).toThrow(refusal);
  expect(() => fillJson(Array<Json>(1000).fill("${input.text}"), long)).toThrow(refusal);
  expect(() => fillJson(Array<Json>(1000).fill("${input.list}"), long)).toThrow(refusal);
  expect(fillText("${input.text}".repeat(4), long).length).toBe(1024 * 1024);
});
