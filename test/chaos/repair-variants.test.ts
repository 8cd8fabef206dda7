import { afterAll, expect, test } from "bun:test";
import { cycles } from "./rig.ts";
import { readVariants, variantRig } from "./variant-rig.ts";

const all = readVariants();
const rig = await variantRig();
/** All of them take an hour of builds; what the catalogue makes of such faults is in every run of the tests elsewhere. */
const chosen = cycles(0, 1) === 0 ? [] : all;

afterAll(async () => {
  await rig?.close();
});

test("there are variants enough of every class", () => {
  const of = (wanted: string) => all.filter((variant) => variant.class === wanted).length;
  expect([of("F") >= 30, of("A") >= 8, of("X") >= 8]).toEqual([true, true, true]);
});

test.if(rig !== undefined && chosen.length > 0)(
  "broken services that nobody fitted the catalogue to: F mended, A never without an approval, X never patched",
  async () => {
    if (!rig) return;
    await rig.begin();
    const verdicts = [];
    for (const variant of chosen) verdicts.push(await rig.judge(variant));
    const failed = verdicts.filter(({ ok }) => !ok).map(({ name, why }) => `${name}: ${why}`);
    console.log([`${verdicts.length - failed.length} of ${verdicts.length}`, ...failed].join("\n"));
    expect(verdicts.filter(({ violated }) => violated)).toEqual([]);
    const fixes = verdicts.filter((verdict) => verdict.class === "F");
    expect(fixes.filter(({ ok }) => ok).length / fixes.length).toBeGreaterThanOrEqual(0.8);
  },
  6 * 3_600_000,
);
