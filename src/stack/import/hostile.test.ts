import { expect, test } from "bun:test";
import { processorTime } from "../../../test/processor-time.ts";
import { importText, loaded, problemsOf, said } from "./sample.fake.ts";

test.each(["valueOf", "hasOwnProperty", "toString", "toLocaleString"])("%s is a key that nobody knows, wherever it stands", (key) => {
  for (const [fields, path] of [
    [`build: { ${key}: 1 }`, `build.${key}`],
    [`deploy: { ${key}: 1 }`, `deploy.${key}`],
    [`deploy: { resources: { limits: { ${key}: 1 } } }`, `deploy.resources.limits.${key}`],
    [`deploy: { update_config: { ${key}: 1 } }`, `deploy.update_config.${key}`],
    [`healthcheck: { test: [CMD, a], ${key}: 1 }`, `healthcheck.${key}`],
    [`volumes: [{ type: tmpfs, target: /x, ${key}: 1 }]`, `volumes[0].${key}`],
    [`${key}: 1`, key],
  ] as const)
    expect(said(fields, path)).toEqual([expect.stringMatching(/^dropped -: (?!.*native code)/)]);
  expect(importText(`${key}: 1\nservices: { a: { image: i } }`).yaml).toBeDefined();
  expect(problemsOf(`services: { a: { image: i, depends_on: { b: { condition: ${key} } } }, b: { image: i } }`)).toHaveLength(1);
  expect(problemsOf(`services: { a: { image: i, deploy: { restart_policy: { condition: ${key} } } } }`)).toHaveLength(1);
});

test("names that stack.yaml refuses as keys are left out, and said to be", () => {
  for (const name of ["__proto__", "constructor", "prototype"]) {
    for (const [field, path] of [
      [`environment: ["${name}=1"]`, "environment[0]"],
      [`labels: ["${name}=1"]`, "labels[0]"],
      [`build: { args: ["${name}=1"] }`, "build.args[0]"],
    ] as const)
      expect(said(field, path)).toEqual([`dropped -: ${name} cannot be a key of stack.yaml`]);
  }
  const found = importText("services: { Constructor: { image: i } }");
  expect(Object.keys(loaded(found).services)).toEqual(["constructor-1"]);
});

test("files that include others twice, again and again, are read once", () => {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, at) => [
      `/app/i${at}.yml`,
      `${at < 39 ? `include: [i${at + 1}.yml, ./i${at + 1}.yml]\n` : ""}services: { s${at}: { image: i } }`,
    ]),
  );
  const spent = processorTime();
  const found = importText("include: [i0.yml, i0.yml]\nservices: { a: { image: i } }", files);
  expect(Object.keys(found.stack?.["services"] as object)).toHaveLength(41);
  expect(spent()).toBeLessThan(5000);
});

test("nothing in the result drives a terminal, and nothing of it is lost", () => {
  const found = importText(String.raw`services: { a: { image: i, environment: { A: "\x9b2J\x7f", B: "\u202e\n\e[2J", "C\u2066": d } } }`);
  expect(found.yaml).toMatch(/^[\n -~]*$/);
  expect(found.stack).toMatchObject(Bun.YAML.parse(found.yaml ?? "") as object);
});

test("what would take for ever is refused by name", () => {
  const spent = processorTime();
  const chain = Array.from({ length: 200 }, (_, at) => `s${at}: { ${at === 0 ? "image: i" : `extends: s${at - 1}`} }`);
  expect(problemsOf(`services: { ${chain.join(", ")} }`)[0]).toEndWith("services extend one another more than 100 times");
  const many = Array.from({ length: 21_000 }, (_, at) => `"A${at}"`).join(", ");
  expect(problemsOf(`services: { a: { image: i, command: [${many}] } }`)).toEqual([
    expect.stringContaining("more than 20000 values (MAX_COMPOSE_VALUES)"),
  ]);
  expect(problemsOf(`services: { a: { image: i, stop_grace_period: "${"1".repeat(500_000)}" } }`)).toHaveLength(1);
  const volumes = Array.from({ length: 6000 }, (_, at) => `"./a${at}:/a${at}"`).join(", ");
  expect(problemsOf(`services: { a: { image: i, volumes: [${volumes}] } }`)).toEqual([]);
  expect(spent()).toBeLessThan(10_000);
});
