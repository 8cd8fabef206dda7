import type { Imported } from "../stack/import/import.ts";
import type { ReportLine } from "../stack/import/ledger.ts";
import { oneLine } from "../terminal/sanitize.ts";

const SHOWN_VALUE = 60;

/** The report for people: what was not carried as it is, by reason; how much of all that is. */
export function importText(found: Imported, { from, into }: { from: string; into: string | undefined }): string {
  const { report, look, variables } = found;
  const of = (action: ReportLine["action"]): ReportLine[] => report.filter((line) => line.action === action);
  const [changed, dropped] = [of("changed"), of("dropped")];
  const services = Object.keys((found.stack?.["services"] as object | undefined) ?? {}).length;
  const lines = [
    ...section("changed", changed),
    ...section("left out", dropped),
    ...section(
      "worth a look",
      report.filter(({ path }) => look.has(path)),
    ),
    ...(variables.length > 0
      ? [`variables that orco up needs in its environment or in .env (compose takes them as empty): ${variables.join(", ")}`]
      : []),
    `${from}: ${services} ${services === 1 ? "service" : "services"}; ${of("carried").length} carried, ${changed.length} changed, ${dropped.length} left out`,
    `next: ${into === undefined ? "save it as stack.yaml beside its source, then orco lint" : `orco -f ${into} lint`}`,
  ];
  return lines.join("\n");
}

function section(title: string, lines: readonly ReportLine[]): string[] {
  if (lines.length === 0) return [];
  const byReason = Map.groupBy(lines, ({ reason }) => reason);
  return [`${title}:`, ...[...byReason].flatMap(([reason, same]) => [...same.map(headline), `      ${reason}`]).map(oneLine), ""];
}

/** Values of variables may be secrets: only places are shown of those. */
function headline({ path, value, to }: ReportLine): string {
  const shown = typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
  const hidden = shown === "" || /\.(?:environment|args)\b/.test(path);
  const text = hidden ? "" : ` = ${shown.replace(/\s+/g, " ").slice(0, SHOWN_VALUE)}`;
  return `  ${path}${text}${to !== undefined ? ` → ${to}` : ""}`;
}
