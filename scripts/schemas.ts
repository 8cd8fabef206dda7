/** Writes `schemas/orchestrator/*.schema.json` from the schemas that document the API. A test holds the files against it. */
import { mkdirSync } from "node:fs";
import { RUN_SCHEMAS, runSchema } from "../src/http/json-schemas.ts";

const FOLDER = new URL("../schemas/orchestrator/", import.meta.url).pathname;

mkdirSync(FOLDER, { recursive: true });
for (const name of RUN_SCHEMAS) await Bun.write(`${FOLDER}${name}.schema.json`, `${JSON.stringify(runSchema(name), null, 2)}\n`);
