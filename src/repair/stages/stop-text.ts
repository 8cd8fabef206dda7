import type { Finding } from "../finding.ts";

/** As many causes are told in one line. */
const MAX_CAUSES = 3;

/** Why a patch is not the answer. What was found besides is told too: the fault that ended the analysis may only have come with a remedy for it. */
export function reportText(finding: Finding | null, findings: readonly Finding[]): string {
  const besides = causesOf(findings.filter((one) => one !== finding));
  const told = `${finding?.cause ?? "it is known"}: ${finding?.remedy ?? "nothing a patch mends"}`;
  return besides === "" ? told : `${told} Found besides: ${besides}.`;
}

/** Nothing mends it: what was suspected, and where to look. */
export function unknownText(findings: readonly Finding[], evidence: readonly string[]): string {
  const suspected = causesOf(findings);
  const told =
    suspected === "" ? "nothing in the catalogue explains this" : `what the catalogue has for this does not mend it (${suspected})`;
  return `${told}; analyze.log has the evidence: ${evidence.at(-1) ?? "none"}`;
}

function causesOf(findings: readonly Finding[]): string {
  return [...new Set(findings.map(({ cause }) => cause))].slice(0, MAX_CAUSES).join("; ");
}
