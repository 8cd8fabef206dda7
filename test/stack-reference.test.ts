import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { stackReference, type Schema } from "../scripts/stack-reference/page.ts";
import { stackSchema } from "../src/stack/schema.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const STALE = "run `bun scripts/stack-reference.ts` and commit what it writes";

test("the reference of stack.yaml is what the schema says", () => {
  expect(readFileSync(`${ROOT}docs/references/stack-yaml.md`, "utf8"), STALE).toBe(stackReference(stackSchema() as Schema));
});

test("the schema for editors is the one that a daemon serves", () => {
  expect(JSON.parse(readFileSync(`${ROOT}schemas/stack.schema.json`, "utf8")), STALE).toEqual(JSON.parse(JSON.stringify(stackSchema())));
});

test("the reference has a row for each field of a service", () => {
  const page = readFileSync(`${ROOT}docs/references/stack-yaml.md`, "utf8");
  const { service } = (stackSchema() as unknown as { $defs: { service: Schema } }).$defs;
  for (const name of Object.keys(service.properties ?? {})) expect(page).toContain(`| \`${name}\` |`);
});
