import { BlockList, isIP } from "node:net";

/** Whether a peer is one of `trusted`: addresses and CIDR blocks. What is neither is nobody. */
export function trustOf(trusted: readonly string[]): (peer: string) => boolean {
  if (trusted.length === 0) return () => false;
  const list = new BlockList();
  for (const entry of trusted) add(list, entry);
  return (peer) => {
    const family = isIP(peer);
    return family !== 0 && list.check(peer, family === 6 ? "ipv6" : "ipv4");
  };
}

function add(list: BlockList, entry: string): void {
  const [address = "", prefix, ...more] = entry.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return;
  const type = family === 6 ? "ipv6" : "ipv4";
  if (prefix === undefined) return list.addAddress(address, type);
  const bits = Number(prefix);
  if (/^\d{1,3}$/.test(prefix) && bits <= (family === 6 ? 128 : 32)) list.addSubnet(address, bits, type);
}
