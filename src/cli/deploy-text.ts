import type { OrcoError } from "../kernel/errors.ts";
import type { RunView } from "../stack/view.ts";
import { runFailed } from "./exit.ts";

/** What a deploy failed of, what was seen, and what is live now. */
export function deployFailed(run: RunView): OrcoError {
  const { error = { message: `it was ${run.status}` } } = run;
  const facts: Readonly<Record<string, unknown>> = error;
  const log = Array.isArray(facts["log"]) ? facts["log"].map(String) : [];
  const previous = facts["previous_commit"];
  const parts = [
    String(error.message),
    ...(typeof facts["body"] === "string" && facts["body"] !== "" ? [`it answered: ${facts["body"].replaceAll("\n", "\n  ")}`] : []),
    ...(log.length > 0 ? ["last lines of its log:", ...log.map((line) => `  ${line}`)] : []),
    typeof previous === "string" ? `${previous.slice(0, 12)} stays live` : "nothing has changed",
  ];
  return runFailed(parts.join("\n"));
}
