import type { OrcoError } from "../kernel/errors.ts";
import type { RunView } from "../workflow/view.ts";
import { findings, runFailed } from "./exit.ts";

/** What a deploy failed of, what was seen, and what is live now. */
export function deployFailed(run: RunView): OrcoError {
  const { error = { message: `it was ${run.status}` } } = run;
  const facts: Readonly<Record<string, unknown>> = error;
  const log = Array.isArray(facts["log"]) ? facts["log"].map(String) : [];
  const previous = facts["previous_commit"];
  const parts = [
    error.message,
    ...findings(facts),
    ...(typeof facts["body"] === "string" && facts["body"] !== "" ? [`it answered: ${indented(facts["body"].trimEnd()).trimStart()}`] : []),
    ...(log.length > 0 ? ["last lines of its log:", ...log.map(indented)] : []),
    typeof previous === "string" ? `${previous.slice(0, 12)} stays live` : "nothing has changed",
  ];
  return runFailed(parts.join("\n"));
}

/** Below the lines that `report` has set in under its `orco: `. */
function indented(text: string): string {
  return text.replace(/^/gm, "        ");
}
