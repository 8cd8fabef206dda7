import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { ContainerRow } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { dockerEvents } from "../../supervise/docker/events.ts";
import { HALF_MADE, serviceContainers, type ServiceName } from "./containers.ts";

/** Between ending a container and removing it the first kind of compose ends all others of the project, which takes their grace periods. */
const REMOVAL_MS = 15_000;
const LOOK_EVERY_MS = 100;
/** What docker has kept of the past comes at once. */
const EVENTS_MS = 2000;

interface Where {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly name: ServiceName;
}

/**
 * Whether somebody has taken the service down, or is at it. No container is left: both kinds of compose replace one by another that they make first, so
 * that there always is one. Or all were ended by hand, and go within a while; those that stay were only stopped.
 */
export function isTakenDown(where: Where, signal: AbortSignal): Promise<boolean> {
  return areGone(where, signal, () => true);
}

/**
 * The same after our `up` has failed: with what it had made in their stead, which has never run and goes then. The second kind of compose gives that
 * their name only once it has removed them itself.
 */
export async function isTakenFromUp(where: Where, former: readonly ContainerRow[], signal: AbortSignal): Promise<boolean> {
  if (former.length === 0 || !(await areGone(where, signal, (row) => !isHalfOf(row, former)))) return false;
  const { engine, name } = where;
  // Without its volumes: it has those of the one that was removed, which are kept.
  for (const row of await serviceContainers(engine, name, { signal }))
    if (isHalfOf(row, former)) await engine.call("DELETE", `/containers/${row.Id}`, { signal, query: { force: true } });
  return true;
}

async function areGone({ engine, clock, name }: Where, signal: AbortSignal, counts: (row: ContainerRow) => boolean): Promise<boolean> {
  const deadline = clock.monotonic() + REMOVAL_MS;
  for (;;) {
    const rows = (await serviceContainers(engine, name, { signal })).filter(counts);
    if (rows.length === 0) return true;
    for (const row of rows) if (!(await isBeingRemoved({ engine, clock, row }, signal))) return false;
    if (clock.monotonic() >= deadline) return false;
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

export function takenDown({ project, service }: ServiceName): OrcoError {
  return new OrcoError("unknown_service", `${project}/${service} was taken down meanwhile; docker compose up starts it`, { services: [] });
}

function isHalfOf({ Names, State }: ContainerRow, former: readonly ContainerRow[]): boolean {
  return State === "created" && Names.some((name) => HALF_MADE.test(name) && former.some(({ Id }) => name.includes(Id.slice(0, 12))));
}

/** Somebody asked docker to end it: what ends by itself, or for want of memory, is not killed. */
async function isBeingRemoved({ engine, clock, row }: Omit<Where, "name"> & { row: ContainerRow }, signal: AbortSignal): Promise<boolean> {
  if (row.State === "removing") return true;
  if (row.State !== "exited" && row.State !== "dead") return false;
  const late = new AbortController();
  const cancel = clock.after(EVENTS_MS, () => late.abort());
  const filters = { container: [row.Id], event: ["kill", "stop"] };
  const past = { since: "1", until: String(clock.now() / 1000) };
  try {
    const events = dockerEvents(engine, { filters, ...past, signal: AbortSignal.any([signal, late.signal]) });
    return (await events.next()).done !== true;
  } catch (error) {
    signal.throwIfAborted();
    if (late.signal.aborted) return false;
    throw error;
  } finally {
    cancel();
    late.abort();
  }
}
