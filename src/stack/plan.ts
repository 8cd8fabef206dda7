import { configHash } from "./config-hash.ts";
import { changedFields, type FieldChange } from "./plan-field.ts";
import type { ServiceSpec, StackSpec } from "./spec.ts";
import type { PlanAction, PlanView } from "./view.ts";

type ServicePlan = PlanView["services"][number];

/**
 * What an apply would do, service by service: the desired ones in the order of the file, then those that go. `strategy` says how a
 * running service is replaced; a change without it applies in place (see `configHash`). Applied again, nothing is left to do.
 */
export function planChanges(current: StackSpec | undefined, desired: StackSpec): PlanView {
  const now = current?.services ?? {};
  const wanted = Object.values(desired.services).map((service) =>
    planService(Object.hasOwn(now, service.name) ? now[service.name] : undefined, service),
  );
  const leaving = Object.keys(now).filter((name) => !Object.hasOwn(desired.services, name));
  const removed = leaving.map((service): ServicePlan => ({ service, action: "remove", fields: [] }));
  const services = [...wanted, ...removed];
  return { stack: desired.name, changes: services.filter(({ action }) => action !== "unchanged").length, services, warnings: [] };
}

function planService(current: ServiceSpec | undefined, desired: ServiceSpec): ServicePlan {
  const service = desired.name;
  if (!current) return { service, action: "add", fields: [] };
  const fields = changedFields(current, desired);
  const restarts = configHash(current) !== configHash(desired);
  return { service, action: actionOf(fields, current, desired), fields, ...(restarts && { strategy: desired.update.strategy }) };
}

/** Percentages of `update` follow the number of replicas: that alone is still only a change of scale. */
function actionOf(fields: readonly FieldChange[], current: ServiceSpec, desired: ServiceSpec): PlanAction {
  if (fields.length === 0) return "unchanged";
  if (current.replicas === desired.replicas) return "change";
  const follows = (path: string): boolean =>
    path === "replicas" || path === "update.maxSurge" || path === "update.maxUnavailable" || path === "update.strategy";
  return fields.every(({ path }) => follows(path)) ? "scale" : "change";
}
