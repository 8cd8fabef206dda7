import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { ContainerInfo } from "../../docker/containers.ts";
import type { Endpoint } from "../../runtime.ts";

const LOOPBACK = "127.0.0.1";
/** What the kernel takes for this machine's own: also the address of a bridge that no container is on yet, which is not among the interfaces. */
const LOCAL_ADDRESSES = "/proc/net/fib_trie";
/** Published there, a port is reached over the loopback too. */
const ALL = new Set(["", "0.0.0.0", "::"]);

/** Whether containers behind this gateway can be dialled by their own address from here. */
export function isReachable(gateway: string | undefined): boolean {
  if (gateway === undefined || gateway === "") return false;
  if (Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === gateway))) return true;
  try {
    return isLocal(gateway, readFileSync(LOCAL_ADDRESSES, "utf8"));
  } catch {
    return false; // Some sandboxes have no such file.
  }
}

/** `|-- 172.18.0.1`, and below it `/32 host LOCAL`. */
export function isLocal(address: string, trie: string): boolean {
  return trie.split("|-- ").some((leaf) => leaf.startsWith(`${address}\n`) && leaf.includes("/32 host LOCAL"));
}

/** Where a running container is dialled: its own address where this machine has the network's gateway, else what it has published. */
export function endpointOf({ NetworkSettings }: Pick<ContainerInfo, "NetworkSettings">, reachable = isReachable): Endpoint | undefined {
  const { Networks, Ports = {} } = NetworkSettings;
  const ports = Object.entries(Ports).flatMap(([port, published]) => {
    const [number = "", protocol] = port.split("/");
    return protocol === "tcp" ? [{ port: Number(number), published }] : [];
  });
  const own = Object.values(Networks).find(({ IPAddress, Gateway }) => IPAddress !== "" && reachable(Gateway));
  if (own) return { host: own.IPAddress, ports: Object.fromEntries(ports.map(({ port }) => [port, port])) };
  const there = ports.flatMap(({ port, published }) => {
    const binding = published?.find(({ HostIp }) => HostIp === LOOPBACK) ?? published?.find(({ HostIp }) => ALL.has(HostIp));
    return binding ? [[port, Number(binding.HostPort)] as const] : [];
  });
  return there.length === 0 ? undefined : { host: LOOPBACK, ports: Object.fromEntries(there) };
}
