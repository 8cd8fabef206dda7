import { expect, setDefaultTimeout, test } from "bun:test";
import { canBuildExamples, EXAMPLE_IMAGES, runExamples, statuses } from "../scenarios/repair-examples.ts";

/** Some minutes, and the package indexes of Debian, Python and Node: `npm run chaos` only. The gate repairs one of them. */
const here = process.env["ORCO_CHAOS_CYCLES"] !== undefined && (await canBuildExamples(EXAMPLE_IMAGES));
setDefaultTimeout(1_800_000);

test.skipIf(!here)("all six example services are repaired with no human edits", async () => {
  const { code, out, left } = await runExamples();
  const repaired = ["compiler", "header", "library", "lock", "module", "package"].map((service) => `${service} succeeded`);
  expect({ code, statuses: statuses(out), left }).toEqual({ code: 0, statuses: repaired, left: [] });
});
