import { type Clock, systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { VolumeMount } from "../runtime.ts";
import type { CallOptions, Engine } from "./engine.ts";
import { createNetwork, inspectNetwork, listNetworks, type NetworkInfo, removeNetwork } from "./networks.ts";
import { foreign, OURS, ownedBy } from "./ownership.ts";
import { createVolume, inspectVolume, listVolumes, removeVolume } from "./volumes.ts";

type Labels = Readonly<Record<string, string>>;

export interface Network {
  readonly id: string;
  /** It was not there before. */
  readonly made: boolean;
  /** Address of this machine on it. */
  readonly gateway?: string;
}

/** How long what goes together with its containers is waited for. */
const GOING_MS = 10_000;
const LOOK_MS = 100;
const NO_ADDRESSES = /non-overlapping IPv4 address pool|address pools have been fully subnetted/;

/** The network of that name with our labels. Throws `conflict` for one that is somebody else's. */
export async function ensureNetwork(
  engine: Engine,
  wanted: { readonly name: string; readonly labels: Labels },
  options: CallOptions = {},
): Promise<Network> {
  // Docker lets two networks have one name; so nobody else in this daemon looks meanwhile, and another daemon has another home.
  return engine.inTurn(`network ${wanted.name}`, async () => {
    const there = await ownNetwork(engine, wanted, options);
    if (there) return { id: there.Id, made: false, ...gatewayOf(there) };
    const id = await madeNetwork(engine, wanted, options);
    const chosen = await ownNetwork(engine, wanted, options).catch(async (error: unknown) => {
      // What is told is why it is of no use.
      if (id !== undefined) await removeNetwork(engine, id, options).catch(() => undefined);
      throw error;
    });
    if (!chosen)
      throw new OrcoError("conflict", `the docker network ${wanted.name} was removed while it was made: try again`, {
        network: wanted.name,
      });
    if (id !== undefined && chosen.Id !== id) await removeNetwork(engine, id, options);
    return { id: chosen.Id, made: chosen.Id === id, ...gatewayOf(chosen) };
  });
}

/** undefined where somebody else was faster. */
async function madeNetwork(
  engine: Engine,
  wanted: { readonly name: string; readonly labels: Labels },
  options: CallOptions,
): Promise<string | undefined> {
  try {
    return await createNetwork(engine, { ...wanted, ...options });
  } catch (error) {
    if (error instanceof OrcoError && error.code === "conflict") return undefined;
    if (!(error instanceof OrcoError) || !NO_ADDRESSES.test(error.message)) throw error;
    const message = `docker has no addresses left for the network ${wanted.name}: remove networks nobody uses (docker network prune)`;
    throw new OrcoError("start_failed", message, { network: wanted.name }, { cause: error });
  }
}

/** The oldest of ours, so that all who look choose the same. */
async function ownNetwork(
  engine: Engine,
  { name, labels }: { readonly name: string; readonly labels: Labels },
  options: CallOptions,
): Promise<NetworkInfo | undefined> {
  const named = (await listNetworks(engine, { name: [name] }, options)).filter(({ Name }) => Name === name);
  const stranger = named.find(({ Labels }) => !ownedBy(labels, Labels));
  if (stranger) throw foreign("network", name, stranger.Labels);
  return named.toSorted((a, b) => a.Created.localeCompare(b.Created) || a.Id.localeCompare(b.Id))[0];
}

function gatewayOf({ IPAM }: NetworkInfo): { gateway?: string } {
  // Some engines write it with its prefix.
  const gateway = IPAM.Config?.map(({ Gateway }) => Gateway?.split("/")[0]).find((one) => one !== undefined && one.includes("."));
  return gateway === undefined ? {} : { gateway };
}

/** Makes the volumes among the mounts; external ones must be there (`not_found`). Throws `conflict` for one that is somebody else's. */
export async function ensureVolumes(engine: Engine, mounts: readonly VolumeMount[], options: CallOptions = {}): Promise<void> {
  for (const mount of mounts) {
    if (mount.kind !== "volume") continue;
    const { name, labels } = mount;
    await (labels ? ensureVolume(engine, { name, labels }, options) : requireVolume(engine, name, options));
  }
}

async function ensureVolume(
  engine: Engine,
  wanted: { readonly name: string; readonly labels: Labels },
  options: CallOptions,
): Promise<void> {
  const found = await createVolume(engine, { ...wanted, ...options }).catch((error: unknown) => {
    // Podman does not look when two make it at once.
    if (error instanceof OrcoError && error.code === "conflict") return inspectVolume(engine, wanted.name, options);
    throw error;
  });
  if (!ownedBy(wanted.labels, found.Labels)) throw foreign("volume", wanted.name, found.Labels);
}

async function requireVolume(engine: Engine, name: string, options: CallOptions): Promise<void> {
  try {
    await inspectVolume(engine, name, options);
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "not_found") throw error;
    const message = `the external volume ${name} does not exist: make it (docker volume create ${name}), or declare it without external`;
    throw new OrcoError("not_found", message, { volume: name }, { cause: error });
  }
}

export interface StackOwner {
  readonly homeId: string;
  readonly stack: string;
}

/** The network and the volumes a stack shares, by the names docker has for them. */
export async function claimResources(
  engine: Engine,
  { homeId, stack, network, volumes }: StackOwner & { readonly network: string; readonly volumes: readonly string[] },
  options: CallOptions = {},
): Promise<void> {
  const labels = { [OURS.home]: homeId, [OURS.stack]: stack };
  await ensureNetwork(engine, { name: network, labels }, options);
  for (const name of volumes) await ensureVolume(engine, { name, labels }, options);
}

/**
 * Removes the networks of a stack and, where asked, its volumes; those of other owners stay. Waits for containers that are just going.
 * Throws `conflict` naming what still holds on to one.
 */
export async function disposeResources(
  engine: Engine,
  { homeId, stack, volumes, signal, clock = systemClock() }: StackOwner & { volumes: boolean; signal: AbortSignal; clock?: Clock },
): Promise<void> {
  const label = [`${OURS.home}=${homeId}`, `${OURS.stack}=${stack}`];
  const patience = { clock, signal, until: clock.monotonic() + GOING_MS };
  for (const { Id, Name } of await listNetworks(engine, { label }, { signal }))
    await onceFree(() => removeNetwork(engine, Id, { signal }), {
      ...patience,
      held: async () => networkHeld(Name, Object.values((await inspectNetwork(engine, Id, { signal })).Containers ?? {})),
    });
  if (!volumes) return;
  for (const { Name } of await listVolumes(engine, label, { signal }))
    await onceFree(() => removeVolume(engine, Name, { signal }), { ...patience, held: async (error) => volumeHeld(Name, error) });
}

interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Monotonic. */
  readonly until: number;
  readonly held: (error: OrcoError) => Promise<OrcoError>;
}

async function onceFree(remove: () => Promise<void>, { clock, signal, until, held }: Patience): Promise<void> {
  for (;;) {
    try {
      return await remove();
    } catch (error) {
      if (!(error instanceof OrcoError)) throw error;
      if (error.code === "not_found") return;
      if (error.code !== "forbidden" && error.code !== "conflict") throw error;
      if (clock.monotonic() >= until) throw await held(error);
      await clock.sleep(LOOK_MS, signal);
    }
  }
}

function networkHeld(network: string, containers: readonly { readonly Name: string }[]): OrcoError {
  const names = containers.map(({ Name }) => Name).join(", ") || "containers";
  const next = `disconnect it (docker network disconnect ${network} <container>) and run down again`;
  return new OrcoError("conflict", `the docker network ${network} is still used by ${names}: ${next}`, { network, containers: names });
}

function volumeHeld(volume: string, error: OrcoError): OrcoError {
  const message = `the docker volume ${volume} is still used by a container that orco did not start: remove that and run down --volumes again`;
  return new OrcoError("conflict", message, { volume, docker: error.message }, { cause: error });
}
