import { expect, test } from "bun:test";
import { requestTables } from "../scripts/api-reference/fields.ts";

test("what is required inside an object is said of its fields too", () => {
  const inner = { type: "object", properties: { a: { type: "string" }, b: { type: "string" } }, required: ["a"] };
  const schema = { type: "object", properties: { one: inner, many: { type: "array", items: inner } }, required: ["one"] };
  const found = { method: "POST", path: "/x", operationId: "x", summary: "x", responses: {} };
  const requestBody = { required: true, content: { "application/json": { schema } } };
  const [, table = ""] = requestTables({ paths: {}, components: { schemas: {} } }, { ...found, requestBody });
  const required = table.split("\n").flatMap((row) => /^\| `([^`]+)` \| (\w*)/.exec(row)?.slice(1).join(" ") ?? []);
  expect(required).toEqual(["one yes", "one.a yes", "one.b ", "many ", "many[].a yes", "many[].b "]);
});
