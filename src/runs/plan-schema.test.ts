import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { processorTime } from "../../test/processor-time.ts";
import { OrcoError } from "../kernel/errors.ts";
import { parsePlan, planSchema } from "./plan-schema.ts";
import { planView } from "./plan-view.ts";

function refusal(steps: unknown, rest: object = {}): { message: string; errors: { pointer: string; detail: string }[]; cycle?: string[] } {
  try {
    parsePlan({ steps, ...rest });
  } catch (error) {
    if (!(error instanceof OrcoError)) throw error;
    expect(error.code).toBe("invalid");
    return { message: error.message, ...(error.facts as { errors: { pointer: string; detail: string }[] }) };
  }
  throw new Error("was taken");
}

const run = ["true"];

describe("a plan", () => {
  test("gets its defaults", () => {
    expect(parsePlan({ steps: [{ id: "a", command: run }] })).toEqual({
      steps: [
        {
          id: "a",
          command: run,
          needs: [],
          when: "success",
          env: {},
          grace_ms: 5000,
          retry: { max: 0, backoff: { min_ms: 1000, max_ms: 60_000, factor: 2 } },
        },
      ],
    });
  });

  test("takes every kind of step", () => {
    const plan = parsePlan({
      max_parallel: 3,
      steps: [
        { id: "a", image: "busybox", outputs: ["list"], retry: { max: 2 } },
        { id: "b", needs: ["a"], http: { url: "https://x/${steps.a.outputs.list.0}", method: "post", body: ["${steps.a.outputs.list}"] } },
        { id: "c", needs: ["b"], approval: { roles: ["ops"], summary: "${steps.a.outputs.list}" } },
        { id: "d", waitFor: {}, timeout_ms: 5 },
        { id: "e", wait_for: "go" },
        { id: "f", needs: ["c"], command: ["x", "${item.y}", "${index}"], for_each: { from: "${steps.a.outputs.list}" } },
        { id: "g", command: ["x"], for_each: { items: [1, { a: [] }], max_parallel: 32 }, retry: { max: 1, backoff: { min_ms: 90_000 } } },
      ],
    });
    expect(plan.steps[1]?.http).toMatchObject({ method: "POST", headers: {} });
    expect(plan.steps[2]?.approval?.expires_ms).toBe(86_400_000);
    expect(plan.steps[3]?.wait_for).toEqual({ signal: "d" });
    expect(plan.steps[3]).not.toHaveProperty("waitFor");
    expect(plan.steps[4]?.wait_for).toEqual({ signal: "go" });
    expect(plan.steps[5]?.for_each?.max_parallel).toBe(4);
    expect(plan.steps[6]?.retry.backoff).toEqual({ min_ms: 90_000, max_ms: 90_000, factor: 2 });
    expect(planView(plan).levels).toEqual([["a", "d", "e", "g"], ["b"], ["c"], ["f"]]);
    expect(planView(plan).warnings).toEqual(["e waits for the signal go without an end: it has no timeout_ms"]);
  });

  const wrong: [what: string, step: object, pointer: string, detail: string][] = [
    ["no kind", {}, "", "exactly one of"],
    ["two kinds", { command: run, http: { url: "http://x" } }, "", "exactly one of"],
    ["image and http", { image: "x", http: { url: "http://x" } }, "", "exactly one of"],
    ["itself", { command: run, needs: ["a"] }, "/needs/0", "is the step itself"],
    ["unknown need", { command: run, needs: ["bb"] }, "/needs/0", "is no step of this plan: bb; did you mean"],
    ["need twice", { command: run, needs: ["b", "b"] }, "/needs/1", "is named twice"],
    ["id", { id: "a b", command: run }, "/id", "must be 1 to 64"],
    ["empty command", { command: [] }, "/command", "must name a program"],
    ["NUL", { command: ["a\0"] }, "/command/0", "NUL"],
    ["unknown key", { command: run, timeout: 3 }, "/timeout", 'is not known; did you mean "timeout_ms"?'],
    ["unknown key inside", { command: run, retry: { maxx: 3 } }, "/retry/maxx", 'did you mean "max"?'],
    ["retry.max", { command: run, retry: { max: 1001 } }, "/retry/max", "from 0 to 1000"],
    ["backoff", { command: run, retry: { backoff: { min_ms: 5, max_ms: 4 } } }, "/retry/backoff", "max_ms below its min_ms"],
    ["when", { command: run, when: "never" }, "/when", '"success"'],
    ["workdir", { command: run, workdir: "x" }, "/workdir", "absolute"],
    ["env name", { command: run, env: { "A-B": "" } }, "/env/A-B", "no name of a variable"],
    ["env of orco", { command: run, env: { ORCO_RUN_ID: "" } }, "/env/ORCO_RUN_ID", "orco sets itself"],
    ["url", { http: { url: "ftp://x" } }, "/http/url", "http or https"],
    ["header", { http: { url: "http://x", headers: { a: "b\r\nc: d" } } }, "/http/headers/a", "line breaks"],
    ["header name", { http: { url: "http://x", headers: { "a b": "" } } }, "/http/headers/a b", "no name of a header"],
    ["body of GET", { http: { url: "http://x", body: 1 } }, "/http/body", "does not go with GET"],
    ["approval with timeout", { approval: {}, timeout_ms: 4 }, "/timeout_ms", "expires_ms"],
    ["for_each both", { command: run, for_each: { items: [], from: "${input.x}" } }, "/for_each", "either items or from"],
    ["for_each neither", { command: run, for_each: {} }, "/for_each", "either items or from"],
    ["for_each parallel", { command: run, for_each: { items: [], max_parallel: 33 } }, "/for_each/max_parallel", "from 1 to 32"],
    ["for_each approval", { approval: {}, for_each: { items: [] } }, "/for_each", "command and http only"],
    ["from", { command: run, for_each: { from: "x${input.x}" } }, "/for_each/from", "one reference"],
    ["item in from", { command: run, for_each: { from: "${item}" } }, "/for_each/from", "only in the steps of a for_each"],
    ["item elsewhere", { command: ["${item}"] }, "/command/0", "only in the steps of a for_each"],
    ["shell variable", { command: ["sh", "-c", "echo ${HOME}"] }, "/command/2", "write $${HOME}"],
    ["reference to nobody", { command: ["${steps.x.outputs.y}"] }, "/command/0", "there is no step x"],
    ["reference sideways", { command: ["${steps.b.outputs.y}"] }, "/command/0", "a does not need b"],
    ["reference to itself", { command: ["${steps.a.outputs.y}"] }, "/command/0", "a does not need a"],
    [
      "reference in a body",
      { http: { url: "http://x", method: "PUT", body: { q: ["${steps.b.outputs.y}"] } } },
      "/http/body",
      "does not need",
    ],
    ["wait_for twice", { wait_for: {}, waitFor: {} }, "/waitFor", "give one of them"],
    ["memory", { image: "x", resources: { memory_bytes: 1 } }, "/resources/memory_bytes", "whole number"],
    ["null", { command: run, needs: null }, "/needs", "must be a list"],
  ];
  for (const [what, step, pointer, detail] of wrong) {
    test(`is refused: ${what}`, () => {
      const { errors, message } = refusal([
        { id: "b", command: run },
        { id: "a", ...step },
      ]);
      expect(errors[0]).toEqual({ pointer: `/plan/steps/1${pointer}`, detail: expect.stringContaining(detail) });
      expect(message).toContain(detail);
    });
  }

  test("is refused where it refers to an output that the step does not promise, if that says what it promises", () => {
    const detailOf = (former: object, reference: string): string | undefined => {
      const steps = [
        { id: "b", ...former },
        { id: "a", command: [reference], needs: ["b"] },
      ];
      try {
        return void parsePlan({ steps });
      } catch {
        return refusal(steps).errors[0]?.detail;
      }
    };
    const promises = { command: run, outputs: ["version"] };
    const typo = '${steps.b.outputs.versoin}: b does not promise versoin in its outputs; did you mean "version"?';
    expect(detailOf(promises, "${steps.b.outputs.versoin}")).toBe(typo);
    expect(detailOf(promises, "${steps.b.outputs.version.major}")).toBeUndefined();
    expect(detailOf(promises, "${steps.b.outputs}")).toBeUndefined();
    expect(detailOf({ command: run }, "${steps.b.outputs.versoin}")).toBeUndefined();
    const request = { http: { url: "http://x" }, outputs: ["status"] };
    expect(detailOf(request, "${steps.b.outputs.body.x}")).toBeUndefined();
    expect(detailOf(request, "${steps.b.outputs.bdy}")).toContain("does not promise bdy");
    const items = { ...promises, for_each: { items: [1] } };
    expect(detailOf(items, "${steps.b.outputs.items}")).toBeUndefined();
    expect(detailOf(items, "${steps.b.outputs.version}")).toContain("whose output is items");
  });

  test("is refused where it is no object, empty or too long", () => {
    expect(() => parsePlan(undefined)).toThrow("plan: is required");
    expect(() => parsePlan([])).toThrow("plan: must be an object");
    expect(refusal([]).errors[0]?.pointer).toBe("/plan/steps");
    expect(refusal(Array.from({ length: 10_001 }, (_, n) => ({ id: `s${n}`, command: run }))).message).toContain("10000");
  });

  test("is refused for equal ids, and for a cycle with its path", () => {
    const twice = [
      { id: "a", command: run },
      { id: "a", command: run },
    ];
    expect(refusal(twice).errors).toEqual([{ pointer: "/plan/steps/1/id", detail: "is the id of steps.0 already: a" }]);
    const { message, cycle, errors } = refusal([
      { id: "x", command: run },
      { id: "a", command: run, needs: ["c"] },
      { id: "b", command: run, needs: ["a", "x"] },
      { id: "c", command: run, needs: ["b"] },
    ]);
    expect(message).toContain("a → c → b → a");
    expect(cycle).toEqual(["a", "c", "b", "a"]);
    expect(errors[0]?.pointer).toBe("/plan/steps/1/needs");
  });

  test("names 20 findings and counts the rest", () => {
    const { errors, message } = refusal(Array.from({ length: 50 }, (_, n) => ({ id: `s${n}` })));
    expect(errors).toHaveLength(20);
    expect(message).toEndWith("(and 49 more)");
  });
});

describe("10,000 steps", () => {
  const wide = Array.from({ length: 9999 }, (_, one) => `s${one}`);
  const many = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`A${n}`, "${steps.s9998.outputs.x}".repeat(5000)]));
  const shapes: [string, (n: number) => object][] = [
    ["in a chain", (n) => ({ needs: n > 0 ? [`s${n - 1}`] : [] })],
    ["with a far reference each", (n) => ({ needs: n > 0 ? [`s${n - 1}`] : [], env: n > 1 ? { A: "${steps.s0.outputs.x}" } : {} })],
    ["wide, then joined", (n) => ({ needs: n === 9999 ? wide : [] })],
    ["wide, then joined and read 50,000 times", (n) => (n === 9999 ? { needs: wide, env: many } : {})],
  ];
  for (const [name, shape] of shapes) {
    test(`${name} are checked at once`, () => {
      const steps = Array.from({ length: 10_000 }, (_, n) => ({ id: `s${n}`, command: ["true"], ...shape(n) }));
      parsePlan({ steps: steps.slice(0, 500).map((one, n) => ({ ...one, ...shape(Math.min(n, 499)) })) });
      const spent = processorTime();
      const plan = parsePlan({ steps });
      const took = spent();
      expect(plan.steps).toHaveLength(10_000);
      // 200 to 300 where it is quiet.
      expect(took).toBeLessThan(1500);
      if (process.env["ORCO_TIMES"]) console.log(name, took);
    });
  }

  test("in one cycle are refused with a short message", () => {
    const steps = Array.from({ length: 10_000 }, (_, n) => ({ id: `s${n}`, command: ["true"], needs: [`s${(n + 1) % 10_000}`] }));
    const { message, cycle } = refusal(steps);
    expect(cycle).toHaveLength(10_001);
    expect(message.length).toBeLessThan(300);
  });
});

test("a reference holds exactly where the step needs the other, however far", () => {
  const dag = fc.integer({ min: 2, max: 12 }).chain((size) =>
    fc.record({
      needs: fc.tuple(
        ...Array.from({ length: size }, (_, n) => fc.uniqueArray(fc.nat(Math.max(0, n - 1)), { maxLength: n === 0 ? 0 : 3 })),
      ),
      from: fc.nat(size - 1),
      to: fc.nat(size - 1),
    }),
  );
  fc.assert(
    fc.property(dag, ({ needs, from, to }) => {
      const reach = new Set<number>();
      const visit = (n: number): void => needs[n]?.forEach((one) => reach.has(one) || (reach.add(one), visit(one)));
      visit(from);
      const steps = needs.map((some, n) => ({
        id: `s${n}`,
        needs: some.map((one) => `s${one}`),
        command: ["x", ...(n === from ? [`\${steps.s${to}.outputs.y}`] : [])],
      }));
      if (reach.has(to)) parsePlan({ steps });
      else expect(() => parsePlan({ steps })).toThrow("does not need");
    }),
  );
});

test("the JSON Schema of a plan can be made", () => {
  const schema = planSchema();
  expect(schema["type"]).toBe("object");
  expect(JSON.stringify(schema)).toContain("wait_for");
});
