import { expect, setDefaultTimeout, test } from "bun:test";
import { canBuildExamples, EXAMPLE_IMAGES, runExamples, statuses } from "./repair-examples.ts";

/** The quickest; test/chaos/repair-examples.test.ts repairs all six. */
const SERVICES = ["module"];
const here = await canBuildExamples(EXAMPLE_IMAGES);
const everything = here && process.env["ORCO_CHAOS_CYCLES"] !== undefined;
setDefaultTimeout(300_000);

test.skipIf(!here)(`repaired with no human edits: ${SERVICES.join(", ")}`, async () => {
  const { code, out, left } = await runExamples(...SERVICES);
  expect({ code, statuses: statuses(out), left }).toEqual({ code: 0, statuses: ["module succeeded"], left: [] });
});

test.skipIf(!everything)("one that cannot be repaired ends as it was: files, image and health", async () => {
  const { code, out, left } = await runExamples("--hopeless");
  expect({ code, statuses: statuses(out), left }).toEqual({ code: 0, statuses: ["orders rolled_back"], left: [] });
  expect(out).toMatch(/files and container are as they were: sha256:[0-9a-f]{64} healthy/);
});
