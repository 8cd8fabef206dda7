import type { JsonObject } from "../kernel/event.ts";
import { NAME_PATTERN } from "./load/names.ts";
import { file, service } from "./load/shape.ts";

/** JSON Schema 2020-12 of stack.yaml, from the same fields that read it: `GET /schemas/stack.json`, and editors. */
export function stackSchema(): JsonObject {
  const properties = file.json["properties"] as JsonObject;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "stack.json",
    title: "orco stack.yaml, version 0.1",
    ...file.json,
    properties: {
      ...properties,
      services: {
        ...(properties["services"] as JsonObject),
        propertyNames: { pattern: NAME_PATTERN },
        additionalProperties: { $ref: "#/$defs/service" },
      },
    },
    $defs: { service: service.json },
  };
}
