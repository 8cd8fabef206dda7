import type { RepairBook } from "../repair/book.ts";
import type { RepairDesk } from "../repair/desk.ts";
import { stackWorkspace } from "../repair/stack/project.ts";
import type { StackPort } from "../repair/stack/port.ts";
import { Asked } from "../repair/triggers/asked.ts";
import { ComposeWatch } from "../repair/triggers/compose-watch.ts";
import { CrashLoops } from "../repair/triggers/crash-loops.ts";
import { failedRun } from "../repair/triggers/stack-failure.ts";
import type { Engine } from "../supervise/docker/engine.ts";
import type { Slot } from "../supervise/instance.ts";
import type { RepairOptions } from "./repair.ts";
import type { RepairTargets } from "./repair-targets.ts";

interface TriggerParts {
  readonly options: RepairOptions;
  readonly desk: RepairDesk;
  readonly book: RepairBook;
  readonly targets: RepairTargets;
  readonly stacks: StackPort;
  readonly engine: Engine;
  /** Of compose projects. */
  readonly workspaces: () => readonly string[];
}

/** What starts repairs that nobody asked for. */
export interface Triggers {
  /** A slot of a stack has changed. Never throws. */
  readonly onSlot: (slot: Slot) => void;
  readonly start: () => void;
  readonly close: () => void;
}

export function repairTriggers(parts: TriggerParts): Triggers {
  const { options, desk, book, targets, engine, workspaces } = parts;
  const { clock, newId, log, onError, side } = options;
  const asked = new Asked(clock);
  const loops = new CrashLoops({
    clock,
    admit: targets.admit,
    create: (request, origin) => desk.create(request, newId(), origin),
    isBusy: (project, service) => book.isUnderWay(project, service),
    lastStarted: (project, service) => book.lastTriggered(project, service),
    log,
    onError,
  });
  const watch = new ComposeWatch({ engine, clock, workspaces, asked, saw: (sighting) => loops.saw(sighting), onError });
  let started = false;
  const onSlot = (slot: Slot): void => {
    try {
      // Most are of no interest, and there are many.
      if (started && (slot.state === "Failed" || slot.state === "Pending")) sawSlot(slot, parts, { asked, loops });
    } catch (error) {
      onError(error);
    }
  };
  return {
    onSlot,
    start: () => {
      started = true;
      watch.start();
      const { stacks } = side();
      for (const name of stacks.names()) for (const { slot } of stacks.find(name)?.all() ?? []) onSlot(slot);
    },
    close: () => {
      started = false;
      watch.close();
    },
  };
}

function sawSlot(slot: Slot, { options, stacks }: TriggerParts, { asked, loops }: { asked: Asked; loops: CrashLoops }): void {
  const failed = failedRun(slot);
  const stack = failed && options.side().stacks.find(slot.stack);
  // What an update brings and does not stand is taken back by the update.
  if (!failed || !stack || stack.updates.get(slot.service)) return;
  const { stack: project, service, instance, config: version } = slot;
  const found = stacks.find({ stack: project, service });
  if (!found?.build || found.repair === "off") return;
  if (found.repair === undefined && !asked.asks(stackWorkspace(found))) return;
  const { signal } = new AbortController();
  const logs = (): Promise<readonly string[]> =>
    stacks.logs({ stack: project, service, ...(instance !== undefined && { instance }) }, signal);
  loops.saw({ kind: "stack", project, service, version, logs, ...failed });
}
