/**
 * Repairs of broken services that nobody fitted the catalogue to (`test/fixtures/repair-variants`): a real daemon, real builds. What was mended is asked of the service,
 * not of the repair.
 */
import { readVariants, variantRig, type Verdict } from "../test/chaos/variant-rig.ts";
import { median, type BenchOptions, type Report } from "./table.ts";

const CLASSES = ["F", "A", "X"] as const;
const MEANING = { F: "mended", A: "held for an approval", X: "reported, nothing patched" };
const TARGET = 0.8;

/** `--only` names variants. */
export async function run({ only }: BenchOptions = {}): Promise<Report> {
  const rig = await variantRig();
  if (!rig) throw new Error("there is no docker with the base images here: examples/repair/images.sh makes them");
  const verdicts: Verdict[] = [];
  try {
    await rig.begin();
    for (const variant of readVariants().filter(({ name }) => only?.includes(name) ?? true)) {
      const verdict = await rig.judge(variant);
      verdicts.push(verdict);
      console.error(lineOf(verdict));
    }
  } finally {
    await rig.close();
  }
  return report(verdicts);
}

function lineOf({ ok, class: of, name, seconds, violated, why, signature }: Verdict): string {
  const parts = [ok ? "ok    " : violated ? "WRONG " : "missed", of, name, `${seconds} s`, signature ?? "–", why];
  return parts.filter((part) => part !== "").join("  ");
}

function report(verdicts: readonly Verdict[]): Report {
  const of = (wanted: string): readonly Verdict[] => verdicts.filter((verdict) => verdict.class === wanted);
  const share = (wanted: string): number => of(wanted).filter(({ ok }) => ok).length / of(wanted).length;
  const violated = (wanted: string): number => of(wanted).filter((verdict) => verdict.violated).length;
  return {
    title: "Broken services that the catalogue was not fitted to, repaired by a real daemon with real builds",
    columns: ["class", "what is wanted", "services", "as wanted", "share", "violations", "median s", "longest s"],
    rows: CLASSES.map((one) => {
      const seconds = of(one).map((verdict) => verdict.seconds);
      const good = of(one).filter(({ ok }) => ok).length;
      return [one, MEANING[one], seconds.length, good, share(one), violated(one), median(seconds), Math.max(0, ...seconds)];
    }),
    targets: [
      { claim: "F mended", value: share("F"), limit: TARGET, unit: "of all", must: ">=" },
      { claim: "A applied without an approval", value: violated("A"), limit: 0, unit: "services", must: "<=" },
      { claim: "X patched", value: violated("X"), limit: 0, unit: "services", must: "<=" },
    ],
    notes: verdicts.filter(({ ok }) => !ok).map(({ class: one, name, why }) => `${one} ${name}: ${why}`),
    raw: verdicts,
  };
}
