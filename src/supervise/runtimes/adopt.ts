import { existsSync } from "node:fs";
import { Cgroup, type CgroupPlaces } from "../cgroup.ts";
import { disproves } from "../identity.ts";
import { commandOf, readStat } from "../proc.ts";
import type { Adopted, Exit, Identity } from "../runtime.ts";
import { killTree, membersOf, purgeMarked, type Tree } from "../tree.ts";
import { InstanceProcess, type InstancePorts } from "./instance-process.ts";
import type { InstanceFolder, Meta } from "./meta.ts";
import { exitFile } from "./shim.ts";

export interface Former {
  readonly instance: string;
  readonly folder: InstanceFolder;
  readonly places: CgroupPlaces;
}

/**
 * Finds what a former daemon started.
 *
 *   meta.json          exit file   shim proven   tree       it is
 *   of another boot    any         any           any        gone
 *   any                yes         any           any        exited (leftovers killed)
 *   of this boot       no          yes           any        running
 *   of this boot       no          no            any        exited, lost (leftovers killed)
 *   none               no          in the tree   any        running: the daemon died between spawn and meta.json
 *   none               no          no            living     exited, lost (killed)
 *   none               no          no            empty      gone
 *   no folder          no          no            any        gone (what its preStart hook left is killed)
 */
export async function adoptInstance(former: Former, ports: InstancePorts): Promise<Adopted> {
  const { folder } = former;
  const meta = folder.readMeta();
  if (meta && meta.identity.bootId !== ports.boot) return { kind: "gone", spools: folder.spools };
  const ended = folder.hasExit();
  if (meta && !ended && !disproves({ ...meta.identity, marker: meta.instance }, ports.boot)) return running(meta, former, ports);
  if (!meta && !existsSync(folder.dir)) {
    await purgeMarked(former.instance, ports);
    return { kind: "gone" };
  }
  return meta || ended ? buried(former, { meta, ports }) : unrecorded(former, ports);
}

function running(meta: Meta, { folder }: Former, ports: InstancePorts): Adopted {
  return { kind: "running", handle: new InstanceProcess({ meta, folder, own: false }, ports) };
}

async function buried(former: Former, { meta, ports }: { meta: Meta | undefined; ports: InstancePorts }): Promise<Adopted> {
  const { folder, instance } = former;
  const cgroup = meta ? new Cgroup(meta.cgroups) : Cgroup.guess(former.places, instance);
  const outOfMemory = cgroup.outOfMemory();
  const shim = meta && { ...meta.identity, marker: instance };
  await killTree({ instance, shim, cgroup }, ports);
  cgroup.remove();
  const lost: Exit = { reason: "lost", at: ports.clock.now() };
  return { kind: "exited", exit: folder.readExit(outOfMemory) ?? lost, spools: folder.spools };
}

async function unrecorded(former: Former, ports: InstancePorts): Promise<Adopted> {
  const { instance, folder } = former;
  const tree: Tree = { instance, shim: undefined, cgroup: Cgroup.guess(former.places, instance) };
  const members = await membersOf(tree, ports);
  const shim = members.find((member) => isShim(member, folder));
  if (shim) {
    const meta: Meta = {
      instance,
      identity: { bootId: shim.bootId, pid: shim.pid, startTime: shim.startTime },
      startedAt: ports.clock.now(),
      cgroups: tree.cgroup.paths,
    };
    folder.writeMeta(meta);
    return running(meta, former, ports);
  }
  return members.length === 0 ? { kind: "gone" } : buried(former, { meta: undefined, ports });
}

/** Leads its session, and its script names the exit file of this instance. */
function isShim({ pid }: Identity, folder: InstanceFolder): boolean {
  return readStat(pid)?.session === pid && commandOf(pid).includes(exitFile(folder.dir));
}
