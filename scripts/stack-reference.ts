/** Writes `docs/references/stack-yaml.md` and `schemas/stack.schema.json` from the fields that read a stack.yaml. A test holds both against them. */
import { stackSchema } from "../src/stack/schema.ts";
import { stackReference } from "./stack-reference/page.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const schema = stackSchema();
await Bun.write(`${ROOT}docs/references/stack-yaml.md`, stackReference(schema));
await Bun.write(`${ROOT}schemas/stack.schema.json`, `${JSON.stringify(schema, null, 2)}\n`);
