import type { Cursor } from "./cursor.ts";
import { labels } from "./environment.ts";
import { type Draft, type Handler, put } from "./project.ts";
import { restartPolicy } from "./restart.ts";
import { durationOf, isOpen, known, numberOf, textOf } from "./values.ts";

export const deploy: Handler = (at, draft) => {
  if (at.node.kind !== "map") return at.fail("expected a mapping");
  for (const [key, field] of at.fields()) {
    if (field.isNothing) field.carried(undefined, "empty");
    else (known(DEPLOY, key) ?? other(key))(field, draft);
  }
  return undefined;
};

const NOT_HERE: Readonly<Record<string, string>> = {
  placement: "one machine: there is no other node to choose",
  endpoint_mode: "one machine: the edge shares connections among replicas",
  rollback_config: "a rollback keeps to the same bounds as the update",
};

function other(key: string): Handler {
  return (at) => at.dropped(known(NOT_HERE, key) ?? (key.startsWith("x-") ? "an extension: nothing in orco reads it" : "no key of deploy"));
}

/** `replicas`, and `scale` of the service. */
export const replicas: Handler = (at, draft) => {
  const count = numberOf(at, "a whole number");
  if (count !== undefined) at.carried(put(draft, ["replicas"], count));
};

const DEPLOY: Readonly<Record<string, Handler>> = {
  replicas,
  mode: (at) => {
    if (at.text === "replicated") at.carried(undefined, "orco's services are replicated");
    else at.dropped(`orco has no mode ${at.text}: one machine, so global is one replica; a job is a service that is never restarted`);
  },
  labels,
  restart_policy: restartPolicy,
  resources: (at, draft) => {
    for (const [key, field] of at.fields()) {
      if (key === "limits") limits(field, draft);
      else
        field.dropped(
          key === "reservations" ? "orco limits and does not reserve; devices (GPUs) are not passed on" : "no key of resources",
        );
    }
  },
  update_config: updateConfig,
};

function limits(at: Cursor, draft: Draft): void {
  for (const [key, field] of at.fields()) (known(LIMITS, key) ?? noLimit)(field, draft);
}

function noLimit(at: Cursor): void {
  at.dropped("orco limits cpus, memory and pids");
}

const LIMITS: Readonly<Record<string, Handler>> = {
  cpus: limit("cpu"),
  memory: limit("memory"),
  pids: limit("pids"),
};

/** Zero and -1 are no limit. */
export function limit(field: "cpu" | "memory" | "pids"): Handler {
  return (at, draft) => {
    const text = textOf(at, "a limit")?.trim();
    if (text === undefined) return;
    if (/^(?:0|-1)(?:\.0+)?[a-z]*$/i.test(text)) at.carried(undefined, "no limit, as by default");
    else at.carried(put(draft, ["resources", field], field === "pids" && !isOpen(text) ? Number(text) : text));
  };
}

/** Of a swarm: compose by itself recreates whatever it says. */
function updateConfig(at: Cursor, draft: Draft): void {
  const parallelism = at.in("parallelism");
  const order = at.in("order");
  const startFirst = order?.text === "start-first";
  const count = parallelism ? numberOf(parallelism, "a whole number") : 1;
  const amount = count === 0 ? "100%" : (count ?? 1);
  put(draft, ["update", "strategy"], "rolling");
  const place = put(draft, ["update", startFirst ? "maxSurge" : "maxUnavailable"], amount);
  put(draft, ["update", startFirst ? "maxUnavailable" : "maxSurge"], 0);
  parallelism?.carried(place);
  order?.carried(place);
  for (const [key, field] of at.fields()) if (key !== "parallelism" && key !== "order") (known(UPDATE, key) ?? noUpdate)(field, draft);
}

function noUpdate(at: Cursor): void {
  at.dropped(at.key === "max_failure_ratio" ? "orco counts failures: update.abortAfterFailures" : "no key of update_config");
}

const UPDATE: Readonly<Record<string, Handler>> = {
  delay: (at, draft) => {
    if (draft.source.in("deploy")?.in("update_config")?.in("monitor")) return at.dropped("orco has one time of watching: that of monitor");
    window(at, draft);
  },
  monitor: (at, draft) => window(at, draft),
  failure_action: (at, draft) => {
    const place = put(draft, ["update", "autoRollback"], at.text === "rollback");
    if (at.text === "rollback") at.carried(place);
    else at.changed(place, at.text === "continue" ? "orco stops at the first failure and leaves it as it is" : "it is left as it is");
  },
};

function window(at: Cursor, draft: Draft): void {
  const text = durationOf(at);
  if (text !== undefined)
    at.changed(put(draft, ["update", "observationWindow"], text), "a new instance must stay ready this long before the next one");
}
