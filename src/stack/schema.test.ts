import { expect, test } from "bun:test";
import { stackSchema } from "./schema.ts";

test("the schema knows every field of the design, and no other", () => {
  const schema = JSON.parse(JSON.stringify(stackSchema())) as {
    properties: Record<string, unknown>;
    $defs: { service: { properties: Record<string, unknown>; additionalProperties: boolean } };
  };
  expect(Object.keys(schema.properties)).toEqual(["version", "includes", "stack", "defaults", "services"]);
  expect(Object.keys(schema.$defs.service.properties).toSorted().join(" ")).toBe(
    "build command dependsOn description disabled entrypoint env envFromFile health hooks image init labels logging ports profiles pull replicas resources restartPolicy runtime schedule secrets stop ulimits update user volumes watch workdir",
  );
  expect(schema.$defs.service.additionalProperties).toBe(false);
});

test("patterns are valid, and references lead somewhere", () => {
  const text = JSON.stringify(stackSchema(), (key, value: unknown) => {
    if (key === "pattern") expect(new RegExp(String(value), "u")).toBeInstanceOf(RegExp);
    return value;
  });
  expect(new Set(text.match(/"\$ref":"[^"]*"/g))).toEqual(new Set(['"$ref":"#/$defs/service"']));
});
