import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { Glob } from "bun";
import { parse } from "yaml";
import { loadText } from "./load/load-text.ts";
import { stackSchema } from "./schema.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const schema = JSON.parse(JSON.stringify(stackSchema())) as Schema & { $defs: { service: Schema } };
const valid = new Ajv2020({ strict: false, allErrors: true }).compile(schema);

interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Every field below a schema, with its path; `*` stands for a name or a place in a list. */
function fieldsOf(from: Schema, path: readonly string[] = []): [path: readonly string[], field: Schema][] {
  const own = Object.entries(from.properties ?? {}).flatMap(([name, field]): [readonly string[], Schema][] => [
    [[...path, name], field],
    ...fieldsOf(field, [...path, name]),
  ]);
  const forms = (from.anyOf ?? []).flatMap((form) => fieldsOf(form, path));
  const items = from.items ? fieldsOf(from.items, [...path, "*"]) : [];
  const values = typeof from.additionalProperties === "object" ? fieldsOf(from.additionalProperties, [...path, "*"]) : [];
  return [...own, ...forms, ...items, ...values];
}

const fields = [...fieldsOf(schema), ...fieldsOf(schema.$defs.service, ["services", "a"])];

/** `value` at `path` inside of nothing else. */
function nested(path: readonly string[], value: unknown, inList: (path: readonly string[]) => boolean): unknown {
  return path.reduceRight<unknown>((inner, part, index) => {
    if (part !== "*") return { [part]: inner };
    return inList(path.slice(0, index)) ? [inner] : { NAME: inner };
  }, value);
}

const LISTS = new Set(["dependsOn", "volumes", "ports", "watch"]);
const inList = (path: readonly string[]): boolean => LISTS.has(path.at(-1) ?? "");

describe("the schema", () => {
  test("knows every field of the design, and no other", () => {
    const { service } = schema.$defs;
    expect(Object.keys(schema.properties ?? {})).toEqual(["version", "includes", "stack", "defaults", "services"]);
    expect(
      Object.keys(service.properties ?? {})
        .toSorted()
        .join(" "),
    ).toBe(
      "build command dependsOn description disabled entrypoint env envFromFile health hooks image init labels logging ports profiles pull repair replicas resources restartPolicy runtime schedule secrets stop ulimits update user volumes watch workdir",
    );
    expect(service.additionalProperties).toBe(false);
  });

  test("has patterns that are valid, and references that lead somewhere", () => {
    const text = JSON.stringify(schema, (key, value: unknown) => {
      if (key === "pattern") expect(new RegExp(String(value), "u")).toBeInstanceOf(RegExp);
      return value;
    });
    expect(new Set(text.match(/"\$ref":"[^"]*"/g))).toEqual(new Set(['"$ref":"#/$defs/service"']));
  });

  test("describes every field, and gives each that is no mapping of fields an example", () => {
    const known = fields.filter(([, field]) => (field as { $ref?: string }).$ref === undefined);
    expect(known.filter(([, { description }]) => description === undefined).map(([path]) => path.join("."))).toEqual([]);
    const without = known.filter(([path, field]) => field.examples === undefined && !field.properties && path.join(".") !== "services");
    expect(without.map(([path]) => path.join("."))).toEqual([]);
  });

  test("examples are valid, here and when they are read", () => {
    for (const [path, { examples = [] }] of fields) {
      const [first] = path;
      const part = nested(path, examples[0], inList) as Record<string, Record<string, unknown>>;
      if (examples.length === 0 || first === "version") continue;
      const whole = { version: 0.1, services: {}, ...part, stack: { name: "x", ...part["stack"] } };
      const read = loadText(JSON.stringify(whole), { checkFiles: false, env: { PORT: "1" } }).diagnostics.filter(
        // What stands alone lacks what it belongs to.
        ({ message }) => /^expected|^unknown key|is no signal|cannot be/.test(message),
      );
      expect([path.join("."), read.map(({ message }) => message)]).toEqual([path.join("."), []]);
      valid(whole);
      const wrong = (valid.errors ?? []).filter(({ keyword }) => keyword !== "required" && keyword !== "anyOf");
      expect([path.join("."), wrong.filter(({ keyword }) => keyword === "additionalProperties")]).toEqual([path.join("."), []]);
    }
  });

  test("defaults are what is held when nothing is said", () => {
    const probes = { http: { url: "http://h:1/" }, tcp: { address: "h:1" }, log: { pattern: "x" } };
    const bases: Record<string, unknown>[] = [
      { command: ["x"], health: probes },
      { image: "x", build: { context: "." }, health: probes },
    ];
    const defaults = fields.filter(([path, field]) => path[0] === "services" && field.default !== undefined && !path.includes("*"));
    expect(defaults.length).toBeGreaterThan(30);
    for (const [path, field] of defaults) {
      if (path[2] === "schedule") continue;
      const same = bases.some((base) => {
        const saying = merged(base, nested(path.slice(2), field.default, inList) as Record<string, unknown>);
        const [plain, told] = [base, saying].map((service) => loadText(stackOf(service), { checkFiles: false }).spec?.services["a"]);
        return plain !== undefined && told !== undefined && settled(plain, path) === settled(told, path);
      });
      expect([path.join("."), same]).toEqual([path.join("."), true]);
    }
  });
});

function stackOf(service: unknown): string {
  return JSON.stringify({ version: 0.1, stack: { name: "x" }, services: { a: service } });
}

/** The name of a Dockerfile is docker's own default: the spec leaves it out. */
function settled(spec: unknown, path: readonly string[]): string {
  return JSON.stringify(spec, (key, value: unknown) => (key === "dockerfile" && path.includes("dockerfile") ? undefined : value));
}

function merged(under: Record<string, unknown>, over: Record<string, unknown>): Record<string, unknown> {
  const both = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = both[key];
    both[key] = isPlain(below) && isPlain(value) ? merged(below, value) : value;
  }
  return both;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

describe("files", () => {
  const files = [...new Glob("examples/**/*stack*.y*ml").scanSync(ROOT)].toSorted();

  test.each(files)("%s fits the schema", (file) => {
    valid(parse(readFileSync(`${ROOT}${file}`, "utf8")));
    expect(valid.errors ?? []).toEqual([]);
  });

  test("the document's own sample is among them", () => {
    expect(files).toContain("examples/sample.stack.yaml");
  });

  test("what does not fit is told", () => {
    for (const wrong of [{ command: 5, replica: 1 }, { command: [] }, { image: "x", pull: "never ever" }, { command: ["x"], replicas: -1 }])
      expect(valid(JSON.parse(stackOf(wrong)))).toBe(false);
    for (const fine of [
      { command: ["x", "y"] },
      { command: "x y", replicas: "${N}" },
      { image: "x", ports: ["80:80", 81], volumes: [{ target: "/x" }] },
    ])
      expect([valid(JSON.parse(stackOf(fine))), valid.errors]).toEqual([true, null]);
  });
});
