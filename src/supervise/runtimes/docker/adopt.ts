import { readFileSync } from "node:fs";
import { OrcoError } from "../../../kernel/errors.ts";
import { type ContainerInfo, inspectContainer } from "../../docker/containers.ts";
import type { Engine } from "../../docker/engine.ts";
import { killFormer } from "../../docker/exec-kill.ts";
import { bootTime } from "../../docker/exit.ts";
import type { Adopted } from "../../runtime.ts";
import type { ContainerFolder, ContainerMeta } from "./folder.ts";
import { type ContainerInstance, metaOf } from "./instance.ts";
import type { Link } from "./link.ts";
import type { Removal } from "./removal.ts";

export interface AdoptPorts {
  readonly engine: Engine;
  readonly link: Link;
  readonly removal: Removal;
  readonly bootId: string;
  /** Looks after a container from now on. */
  readonly watch: (folder: ContainerFolder, instance: string, meta?: ContainerMeta) => ContainerInstance;
  readonly sleep: (ms: number) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** A docker that hangs does not hold up the start of the daemon. */
const CALL_MS = 2000;
/** How long the rest of the log of one that has ended is waited for; then it counts as running until it is read. */
const READ_OUT_MS = 2000;

/**
 * Finds the container a former daemon started.
 *
 *   container.json    docker           the container      it is
 *   with an exit      any              any                exited
 *   of another boot   away             –                  gone
 *   any               away             –                  running, in doubt
 *   any               there            none, never ran    gone
 *   any               there            runs               running
 *   any               there            ended in a former  gone
 *                                      boot
 *   any               there            ended              exited, its log read to the end
 */
export async function adoptContainer(instance: string, folder: ContainerFolder, ports: AdoptPorts): Promise<Adopted> {
  const meta = folder.read();
  if (meta?.exit) return { kind: "exited", exit: meta.exit, spools: folder.spools };
  const gone: Adopted = { kind: "gone", ...(folder.exists && { spools: folder.spools }) };
  const info = await look(instance, meta, ports);
  if (info === "away") {
    if (meta && isFormer(meta.bootId, ports)) return gone;
    folder.create();
    return { kind: "running", handle: ports.watch(folder, instance, meta) };
  }
  if (!info) return gone;
  const { State } = info;
  if (State.Status === "created") {
    await ports.removal.instance(instance);
    return gone;
  }
  if (!State.Running && endedBefore(info, meta, ports)) return gone;
  folder.create();
  // Those of the daemon that died; nobody waits for it.
  if (State.Running) void killFormer(ports.engine, info).catch(ports.onError);
  const handle = ports.watch(folder, instance, metaOf(info, { instance, bootId: ports.bootId }));
  if (State.Running) return { kind: "running", handle };
  handle.look();
  await Promise.race([handle.exited, ports.sleep(READ_OUT_MS)]);
  const { exit } = folder.read() ?? {};
  return exit ? { kind: "exited", exit, spools: folder.spools } : { kind: "running", handle };
}

async function look(
  instance: string,
  meta: ContainerMeta | undefined,
  { engine, link, removal }: AdoptPorts,
): Promise<ContainerInfo | "away" | undefined> {
  try {
    return await link.with(async () => {
      const id = meta?.id ?? (await removal.rows({ "orco.instance": instance }, { timeoutMs: CALL_MS }))[0]?.Id;
      return id === undefined ? undefined : await inspectContainer(engine, id, { timeoutMs: CALL_MS });
    });
  } catch (error) {
    if (error instanceof OrcoError && error.code === "engine_away") return "away";
    if (error instanceof OrcoError && error.code === "not_found") return undefined;
    throw error;
  }
}

/** A docker elsewhere does not go down with this machine. */
function isFormer(bootId: string, ports: AdoptPorts): boolean {
  return "unix" in ports.engine.address && bootId !== ports.bootId;
}

function endedBefore({ State }: ContainerInfo, meta: ContainerMeta | undefined, ports: AdoptPorts): boolean {
  if (meta) return isFormer(meta.bootId, ports);
  const booted = "unix" in ports.engine.address ? bootTime(readFileSync("/proc/stat", "utf8")) : undefined;
  return booted !== undefined && Date.parse(State.StartedAt) < booted;
}
