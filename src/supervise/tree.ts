import type { Clock } from "../kernel/clock.ts";
import { Cgroup } from "./cgroup.ts";
import { identify, type MarkerSweep, type Proof, proves } from "./identity.ts";
import { catches, childrenOf, readStat } from "./proc.ts";
import { signalNumber, type Signals } from "./signal.ts";

/** After a kill, a process in an uninterruptible system call may stay for as long as that takes; nobody waits longer than this. */
const KILL_PATIENCE_MS = 5000;
const FIRST_LOOK_MS = 1;
const MAX_LOOK_MS = 20;

export interface TreePorts {
  readonly clock: Clock;
  readonly boot: string;
  readonly signals: Signals;
  readonly sweep: MarkerSweep;
}

/** Everything an instance started: the members of its cgroup, else what carries its marker or descends from its shim. */
export interface Tree {
  readonly instance: string;
  /** Leader of the session and of the process group, where one is known. */
  readonly shim: Proof | undefined;
  readonly cgroup: Cgroup;
}

/** What lives of the tree, the shim included. */
export async function membersOf(tree: Tree, { boot, sweep }: TreePorts): Promise<Proof[]> {
  const pids = tree.cgroup.pids();
  if (pids)
    return stillIn(
      tree.cgroup,
      pids.flatMap((pid) => identify(pid, boot) ?? []),
    );
  const found = new Map<number, Proof>((await sweep.find(tree.instance)).map((identity) => [identity.pid, identity]));
  // A program may have cleared its environment; below a living shim it is found all the same.
  for (const identity of belowShim(tree.shim, boot)) found.set(identity.pid, identity);
  return [...found.values()];
}

/** A pid that changed hands between the list and its identity is not in the next list. */
function stillIn(cgroup: Cgroup, members: Proof[]): Proof[] {
  if (members.length === 0) return members;
  const now = new Set(cgroup.pids());
  return members.filter(({ pid }) => now.has(pid));
}

function belowShim(shim: Proof | undefined, boot: string): Proof[] {
  if (!shim || !proves(shim, boot)) return [];
  const found: Proof[] = [shim];
  for (let next = 0; next < found.length; next++) {
    const parent = found[next] ?? shim;
    for (const pid of childrenOf(parent.pid)) {
      const child = identify(pid, boot);
      if (child && readStat(pid)?.parent === parent.pid && proves(child, boot)) found.push(child);
    }
  }
  return proves(shim, boot) ? found : [];
}

/** Asks everyone to end: the process group at once, then those who left it. */
export async function signalTree(tree: Tree, signal: string, ports: TreePorts): Promise<void> {
  const grouped = tree.shim !== undefined && ports.signals.sendGroup(tree.shim, signal);
  for (const member of await membersOf(tree, ports)) {
    if (!grouped || readStat(member.pid)?.group !== tree.shim?.pid) ports.signals.send(member, signal);
  }
}

/** Kills until nothing of the tree is left. false when something outlived even that. */
export async function killTree(tree: Tree, ports: TreePorts): Promise<boolean> {
  const until = ports.clock.monotonic() + KILL_PATIENCE_MS;
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 2, MAX_LOOK_MS)) {
    const members = await membersOf(tree, ports);
    if (members.length === 0) return true;
    if (ports.clock.monotonic() >= until) return false;
    if (!tree.cgroup.kill()) {
      if (tree.shim) ports.signals.sendGroup(tree.shim, "SIGKILL");
      for (const member of members) ports.signals.send(member, "SIGKILL");
    }
    await ports.clock.sleep(lookMs);
  }
}

/** Kills what carries the mark of an instance that has no tree (any more): no cgroup knows what its hooks started. */
export async function purgeMarked(instance: string, ports: TreePorts): Promise<void> {
  await killTree({ instance, shim: undefined, cgroup: new Cgroup({ v1: [] }) }, ports);
}

/**
 * After the service itself has ended on a stop: waits for those of its tree that handle the signal, for they may be finishing
 * their work (a shell dies at once, the server it started drains). Who ignores the signal is not waited for.
 */
export async function drainTree(tree: Tree, { signal, until }: { signal: string; until: AbortSignal }, ports: TreePorts): Promise<void> {
  const number = signalNumber(signal);
  for (let lookMs = FIRST_LOOK_MS; !until.aborted; lookMs = Math.min(lookMs * 2, MAX_LOOK_MS)) {
    const members = await membersOf(tree, ports);
    if (!members.some(({ pid }) => catches(pid, number))) return;
    await ports.clock.sleep(lookMs, until).catch(() => undefined);
  }
}
