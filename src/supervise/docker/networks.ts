import type { CallOptions, Engine } from "./engine.ts";

export interface NetworkInfo {
  readonly Id: string;
  readonly Name: string;
  /** RFC 3339. */
  readonly Created: string;
  readonly Driver: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null };
  /** Only of one that is inspected: endpoints by container. */
  readonly Containers?: Readonly<Record<string, { readonly Name: string }>> | null;
}

type NetworkFilters = Readonly<Record<string, readonly string[]>>;

/** Filters as docker takes them, e.g. `{label: ["orco.stack=shop"]}`; a name matches a part of a name too. */
export function listNetworks(engine: Engine, filters: NetworkFilters, options: CallOptions = {}): Promise<NetworkInfo[]> {
  return engine.call("GET", "/networks", { ...options, query: { filters: JSON.stringify(filters) } });
}

/** By id. */
export function inspectNetwork(engine: Engine, id: string, options: CallOptions = {}): Promise<NetworkInfo> {
  return engine.call("GET", `/networks/${encodeURIComponent(id)}`, options);
}

/** A bridge; returns its id. `conflict` when docker sees one of that name, which it does not always do. */
export async function createNetwork(
  engine: Engine,
  { name, labels, ...options }: CallOptions & { name: string; labels: Readonly<Record<string, string>> },
): Promise<string> {
  const body = { Name: name, CheckDuplicate: true, Driver: "bridge", Labels: labels };
  const { Id } = await engine.call<{ Id: string }>("POST", "/networks/create", { ...options, body });
  return Id;
}

/** By id. `forbidden` or `conflict` while containers are on it. */
export async function removeNetwork(engine: Engine, id: string, options: CallOptions = {}): Promise<void> {
  // Asked by id, podman does not see the containers that are on it; there a name is never given twice.
  const key = (await engine.isPodman()) ? (await inspectNetwork(engine, id, options)).Name : id;
  await engine.call("DELETE", `/networks/${encodeURIComponent(key)}`, options);
}
