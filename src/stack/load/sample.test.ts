import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { processorTime } from "../../../test/processor-time.ts";
import { layers } from "../../kernel/graph.ts";
import { type Loaded, loadStack } from "./load.ts";
import { loadText } from "./load-text.ts";

const path = new URL("../../../examples/sample.stack.yaml", import.meta.url).pathname;
const sample = readFileSync(path, "utf8");

test("the document's own sample is valid", () => {
  const { spec, diagnostics } = loadStack(
    { source: sample, file: path, workdir: "/", env: {}, readFile: () => undefined },
    { checkFiles: false },
  );
  expect(diagnostics.map(({ severity, path: field }) => `${severity} ${field}`)).toEqual(["warning services.api.envFromFile"]);
  const edges = Object.values(spec?.services ?? {}).flatMap(({ name, dependsOn }) =>
    dependsOn.map(({ target }) => ({ from: name, to: target })),
  );
  expect(layers({ nodes: Object.keys(spec?.services ?? {}), edges })).toEqual([["db"], ["api"], ["web"]]);
  expect(spec?.services["api"]).toMatchObject({
    replicas: 2,
    restartPolicy: { maxRetries: 10, backoff: { minMs: 500, maxMs: 20_000, factor: 1.8 } },
    health: { gracePeriodMs: 5000, expression: "http || log" },
  });
});

function expectPlaces({ spec, diagnostics }: Loaded): void {
  for (const { line, column, message } of diagnostics) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(message).not.toContain("\0");
  }
  expect(spec !== undefined || diagnostics.some(({ severity }) => severity === "error")).toBe(true);
}

test("no damage to the sample makes the loader throw or lose its place", () => {
  const piece = fc.constantFrom(
    "",
    " ",
    "\n",
    "\t",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "$",
    "${",
    "&a ",
    "*a",
    "!!x ",
    "<<: ",
    "|",
    "#",
    "null",
    "999999",
    "-1",
    "\0",
    "__proto__",
    "%",
  );
  const edit = fc.record({ at: fc.nat(sample.length), cut: fc.nat(12), put: piece });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
      const damaged = edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), sample);
      expectPlaces(loadText(damaged, { checkFiles: false }));
    }),
    { numRuns: 400 },
  );
});

test("no YAML makes the loader throw", () => {
  const keys = fc.constantFrom(
    "version",
    "stack",
    "services",
    "defaults",
    "includes",
    "name",
    "command",
    "image",
    "env",
    "ports",
    "health",
    "http",
    "replicas",
    "update",
    "dependsOn",
    "hooks",
    "secrets",
    "a",
    "b",
  );
  const leaf = fc.oneof(
    fc.constantFrom<unknown>(0.1, "a", "b", "80:80", "1s", "${PORT}", "$X", null, true, -1, "25%"),
    fc.string(),
    fc.double(),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 6 }, leaf, fc.array(tie("value"), { maxLength: 4 }), fc.dictionary(keys, tie("value"), { maxKeys: 8 })),
  }));
  fc.assert(
    fc.property(fc.dictionary(keys, value), (stack) =>
      expectPlaces(loadText(JSON.stringify({ version: 0.1, stack: { name: "x" }, ...stack }))),
    ),
    { numRuns: 400 },
  );
});

test("200 services load in a blink", () => {
  const service = (index: number): string =>
    `  s${index}:\n    command: ["./a", "b"]\n    env: {A: "x", B: "\${HOME}"}\n    dependsOn: [${index > 0 ? `{target: s${index - 1}}` : ""}]\n    health:\n      http: {url: "http://localhost:1/x"}\n    ports: ["${3000 + index}:80"]\n`;
  const source = `version: 0.1\nstack: {name: big}\nservices:\n${Array.from({ length: 200 }, (_, index) => service(index)).join("")}`;
  loadText(source, { env: { HOME: "/h" } });
  const spent = processorTime();
  expect(loadText(source, { env: { HOME: "/h" } }).diagnostics).toEqual([]);
  expect(spent()).toBeLessThan(500);
});
