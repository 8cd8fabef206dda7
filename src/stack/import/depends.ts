import type { Cursor } from "./cursor.ts";
import { type Draft, type Handler, listOf, to } from "./project.ts";
import { flagOf, isOpen, known, oneOrMore, splitColons, textOf } from "./values.ts";
import type { Path } from "../load/source.ts";

export type Require = "started" | "ready" | "completed";

const REQUIRE: Readonly<Record<string, Require>> = {
  service_started: "started",
  service_healthy: "ready",
  service_completed_successfully: "completed",
};

interface Dependency {
  readonly target: string;
  require: Require;
}

const STRENGTH: readonly Require[] = ["started", "ready", "completed"];

/** Twice the same target: the stronger requirement stands. */
export function addDependency(draft: Draft, target: string, require: Require): Path {
  const list = listOf(draft, "dependsOn") as Dependency[];
  const index = list.findIndex((one) => one.target === target);
  const found = list[index];
  if (!found) return to(draft, "dependsOn", list.push({ target, require }) - 1);
  if (STRENGTH.indexOf(require) > STRENGTH.indexOf(found.require)) found.require = require;
  return to(draft, "dependsOn", index);
}

export const dependsOn: Handler = (at, draft) => {
  if (at.node.kind === "map") for (const [name, field] of at.fields()) conditional(name, field, draft);
  else
    for (const item of oneOrMore(at)) {
      const name = textOf(item, "the name of a service") ?? "";
      const target = targetOf(name, item, draft);
      if (target !== undefined)
        item.carried(
          addDependency(draft, target, "started"),
          "compose waits until it is started: require: ready would wait for its health",
        );
    }
};

function conditional(name: string, at: Cursor, draft: Draft): void {
  const required = at.in("required");
  const optional = required !== undefined && flagOf(required) === false;
  if (optional && !draft.project.names.has(name)) return at.dropped(`there is no service ${name}, and it need not be there`);
  const target = targetOf(name, at, draft);
  if (target === undefined) return;
  if (optional && isLeftOut(name, draft))
    return at.dropped(`${name} is of another profile and need not be there: add it to dependsOn when both run`);
  const condition = at.in("condition");
  const require = known(REQUIRE, condition?.text ?? "service_started");
  if (require === undefined)
    return void condition?.fail(
      `expected service_started, service_healthy or service_completed_successfully, not ${JSON.stringify(condition.text)}`,
    );
  const place = addDependency(draft, target, require);
  if (!condition) at.carried(place, "compose waits until it is started");
  else condition.carried([...place, "require"]);
  required?.[optional ? "changed" : "carried"](
    place,
    optional ? "orco's dependencies are all required: take it away where the other may be missing" : "orco's dependencies are all required",
  );
  const restart = at.in("restart");
  if (restart && flagOf(restart) !== false)
    restart.dropped(`orco never restarts a service because ${target} was restarted: its status says degraded meanwhile`);
  else restart?.carried(place, "orco never restarts a service because of another one");
  for (const [key, field] of at.fields()) if (!["condition", "required", "restart"].includes(key)) field.dropped("no key of depends_on");
}

function targetOf(name: string, at: Cursor, draft: Draft): string | undefined {
  const target = draft.project.names.get(name);
  if (target !== undefined) return target === draft.name ? at.fail(`${name} depends on itself`) : target;
  if (isOpen(name)) return name;
  return at.fail(`${draft.from} depends on ${name}, which is no service of this file`);
}

/** It runs only with a profile that this one does not need. */
function isLeftOut(name: string, draft: Draft): boolean {
  const profiles =
    draft.project.root
      .in("services")
      ?.in(name)
      ?.in("profiles")
      ?.items()
      .map((one) => one.text) ?? [];
  const own =
    draft.source
      .in("profiles")
      ?.items()
      .map((one) => one.text) ?? [];
  return profiles.length > 0 && !(own.length > 0 && own.every((one) => profiles.includes(one)));
}

export const links: Handler = (at, draft) => {
  for (const item of oneOrMore(at)) {
    const [name = "", alias] = splitColons(textOf(item, "the name of a service") ?? "");
    const target = targetOf(name, item, draft);
    if (target === undefined) continue;
    const place = addDependency(draft, target, "started");
    if (alias !== undefined && alias !== target)
      item.changed(place, `services reach it as ${target}: the name ${alias} does not lead there, so use ${target}`);
    else item.changed(place, "every service of a stack reaches every other by its name; the order is kept");
  }
};
