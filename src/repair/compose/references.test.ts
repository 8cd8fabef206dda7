import { expect, test } from "bun:test";
import fc from "fast-check";
import { Redactor } from "../../supervise/logs/redact.ts";
import { valueAt, withReferences } from "./references.ts";

test("a text with a secret in it becomes a variable; its value is what the text means", () => {
  const { clean } = new Redactor(["hunter$2"]);
  const config = { services: { api: { environment: { URL: "db://u:hunter$$2@h", PLAIN: "a$$b" }, command: ["x", "hunter$$2"], n: 3 } } };
  const { config: written, references, values } = withReferences(config, clean);
  expect(written).toEqual({
    services: { api: { environment: { URL: "${ORCO_REF_0}", PLAIN: "a$$b" }, command: ["x", "${ORCO_REF_1}"], n: 3 } },
  });
  expect(values).toEqual({ ORCO_REF_0: "db://u:hunter$2@h", ORCO_REF_1: "hunter$2" });
  expect(references.map(({ path }) => valueAt(config, path))).toEqual(["db://u:hunter$2@h", "hunter$2"]);
  expect(valueAt(config, ["services", "web"])).toBeUndefined();
});

test("no secret is in what is written, and filling the variables in gives what was there", () => {
  const secret = "s3cr3t-value";
  const leaf = fc.oneof(fc.string(), fc.constant(`x${secret}y`), fc.constant(secret));
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string(), leaf))), (config) => {
      const { config: written, references } = withReferences(config, new Redactor([secret]).clean);
      expect(JSON.stringify(written)).not.toContain(secret);
      for (const { path } of references) expect(valueAt(config, path)).toContain(secret);
    }),
  );
});
