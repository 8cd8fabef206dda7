import type { ServiceView, StackView } from "../../src/stack/view.ts";
import { orcoOk, type Stage } from "./stage.ts";

const LOOK_EVERY_MS = 60;

export async function status(stage: Stage): Promise<StackView> {
  const { stdout } = await orcoOk(stage, "status", "--json");
  return JSON.parse(stdout) as StackView;
}

export function serviceOf(view: StackView, name: string): ServiceView {
  const service = view.services.find((each) => each.service === name);
  if (!service) throw new Error(`status does not know the service ${name}`);
  return service;
}

/** `api/0 → 4711` for every instance that has a process. */
export function pidsOf(view: StackView): Map<string, number> {
  const rows = view.services.flatMap(({ service, instances }) =>
    instances.flatMap(({ replica, pid }) => (pid === undefined ? [] : [[`${service}/${replica}`, pid] as const])),
  );
  return new Map(rows);
}

/** Looks again and again until `found` returns something, `withinMs` at most. */
export async function eventually<T>(what: string, withinMs: number, found: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await found();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    await Bun.sleep(LOOK_EVERY_MS);
  }
}
