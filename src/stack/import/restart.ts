import type { Cursor } from "./cursor.ts";
import { type Draft, type Handler, put } from "./project.ts";
import { durationOf, isOpen, known, numberOf, textOf } from "./values.ts";

export const restart: Handler = (at, draft) => {
  const text = textOf(at, "no, always, on-failure or unless-stopped")?.trim();
  if (text === undefined) return;
  const [, retries] = /^on-failure(?::(\d+))?$/.exec(text) ?? [];
  if (draft.source.in("deploy")?.in("restart_policy")) return at.dropped("deploy.restart_policy counts in its place, in compose too");
  if (text === "no" || text === "false") at.carried(policy(draft, "never"), "never is its word here");
  else if (text === "always") at.carried(policy(draft, "always", -1), "always, without a limit");
  else if (text === "unless-stopped") at.carried(policy(draft, "always", -1), "always: what was stopped by hand stays stopped");
  else if (text.startsWith("on-failure") && (retries !== undefined || text === "on-failure"))
    at.carried(
      policy(draft, "on-failure", Number(retries) || -1),
      retries === undefined ? "on-failure, without a limit" : `on-failure, ${retries} times`,
    );
  else if (isOpen(text)) openPolicy(text, at, draft);
  else at.fail(`expected no, always, on-failure, on-failure:N or unless-stopped, not ${JSON.stringify(text)}`);
};

function policy(draft: Draft, condition: string, maxRetries?: number): ReturnType<typeof put> {
  return put(draft, ["restartPolicy"], { condition, ...(maxRetries !== undefined && { maxRetries }) });
}

/** orco's words are others than compose's, so the value of the variable would not fit: its default decides. */
function openPolicy(text: string, at: Cursor, draft: Draft): void {
  const fallback = /^\$\{\w+:?-([^${}]*)\}$/.exec(text)?.[1] ?? "always";
  const condition = fallback.startsWith("on-failure") ? "on-failure" : fallback === "no" ? "never" : "always";
  at.changed(
    policy(draft, condition, condition === "never" ? undefined : -1),
    `orco's words are never, on-failure and always, so ${text} cannot stay a variable`,
  );
}

const CONDITIONS: Readonly<Record<string, string>> = { none: "never", "on-failure": "on-failure", any: "always" };

/** `deploy.restart_policy` counts before `restart`, as in compose. */
export const restartPolicy: Handler = (at, draft) => {
  const written = at.in("condition");
  const condition = known(CONDITIONS, written?.text ?? "any");
  if (condition === undefined) return written?.fail("expected none, on-failure or any");
  const place = policy(draft, condition, condition === "never" ? undefined : -1);
  for (const [key, field] of at.fields()) {
    if (key === "condition") field.carried([...place, "condition"]);
    else if (key === "max_attempts") attempts(field, draft);
    else if (key === "delay") delay(field, draft);
    else if (key === "window") window(field, draft);
    else field.dropped("no key of a restart policy");
  }
  return undefined;
};

function attempts(at: Cursor, draft: Draft): void {
  const count = numberOf(at, "a whole number");
  if (count !== undefined) at.carried(put(draft, ["restartPolicy", "maxRetries"], count === 0 ? -1 : count));
}

function delay(at: Cursor, draft: Draft): void {
  const text = durationOf(at);
  if (text === undefined) return;
  if (/^0[a-z]*$/.test(text))
    return at.changed(
      put(draft, ["restartPolicy", "backoff", "min"], "0s"),
      "at once the first time; then orco waits longer each time, up to 30s",
    );
  at.carried(put(draft, ["restartPolicy", "backoff", "min"], text));
  put(draft, ["restartPolicy", "backoff", "max"], text);
}

function window(at: Cursor, draft: Draft): void {
  const text = durationOf(at);
  if (text !== undefined)
    at.changed(put(draft, ["restartPolicy", "resetAfter"], text), "ready this long counts as a success: counting starts again");
}
