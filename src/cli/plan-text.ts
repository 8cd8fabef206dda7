import type { PlanView } from "../stack/view.ts";
import { oneLine } from "../terminal/sanitize.ts";

const SIGN = { add: "+", remove: "-", change: "~", scale: "~", unchanged: " " } as const;

/** The plan of `apply --dry-run`: one line a service that moves, its changed fields below, then what stays. */
export function planText(plan: PlanView): string {
  const moving = plan.services.filter((service) => service.action !== "unchanged");
  const still = plan.services.length - moving.length;
  if (moving.length === 0) return `${plan.stack}: nothing to change`;
  const blocks = moving.map(({ service, action, strategy, fields }) => {
    const head = `${SIGN[action]} ${service} (${strategy === undefined ? action : `${action}, ${strategy}`})`;
    return [head, ...fields.map((field) => `    ${field.path}: ${change(field)}`)].map(oneLine).join("\n");
  });
  const total = `${moving.length} to change, ${still} unchanged`;
  return [...blocks, total].join("\n");
}

function change({ from, to }: { from?: unknown; to?: unknown }): string {
  if (from === undefined) return `${shown(to)} (new)`;
  return to === undefined ? `${shown(from)} (removed)` : `${shown(from)} → ${shown(to)}`;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
