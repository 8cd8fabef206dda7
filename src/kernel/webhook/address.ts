import { BlockList, isIP } from "node:net";

/** Ranges as `first address/bits`, or one address. */
type Ranges = readonly string[];

/** Nobody's webhook lives here: link-local, where clouds hand out credentials, their other such addresses, multicast, reserved. */
const NEVER: Ranges = [
  "169.254.0.0/16",
  "100.100.100.200/32",
  "192.0.0.192/32",
  "168.63.129.16/32",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "fe80::/10",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
  "ff00::/8",
];
/** This machine and the networks around it. */
const INSIDE: Ranges = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "100.64.0.0/10",
  "192.0.0.0/24",
  "198.18.0.0/15",
  "::/127",
  // IPv4 of a local translator (RFC 8215) and of tunnels (Teredo): where in it depends.
  "64:ff9b:1::/48",
  "2001::/32",
  "fc00::/7",
  "fec0::/10",
];
/** IPv6 that only carries an IPv4 address, and where in it: mapped, compatible, translated (NAT64), 6to4. */
const CARRIERS: readonly (readonly [prefix: RegExp, group: number])[] = [
  [/^(?:0:){5}ffff:/, 6],
  [/^(?:0:){6}/, 6],
  [/^(?:0:){4}ffff:0:/, 6],
  [/^64:ff9b:(?:0:){4}/, 6],
  [/^2002:/, 1],
];

const never = listOf(NEVER);
const inside = listOf(INSIDE);

/** `never`: where clouds hand out credentials, and what is no single machine; `inside`: this machine and the networks around it. */
export type AddressKind = "outside" | "inside" | "never" | "no address";

export function kindOf(address: string): AddressKind {
  const plain = plainAddress(address);
  if (isIP(plain) === 0) return "no address";
  if (within(never, plain)) return "never";
  return within(inside, plain) ? "inside" : "outside";
}

/** Whether an address is in one of the ranges (`10.0.0.0/8`, `::1`), also when it is written as IPv6 that carries IPv4. */
export function rangesCheck(ranges: Ranges): (address: string) => boolean {
  const list = listOf(ranges);
  return (address) => within(list, plainAddress(address));
}

function within(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function plainAddress(address: string): string {
  return embedded(address.replace(/%.*$/, ""));
}

function listOf(ranges: Ranges): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [first = "", bits] = range.split("/");
    const [family, whole] = isIP(first) === 6 ? (["ipv6", 128] as const) : (["ipv4", 32] as const);
    list.addSubnet(first, bits === undefined ? whole : Number(bits), family);
  }
  return list;
}

/** The IPv4 address that an IPv6 address only carries; else itself. */
function embedded(address: string): string {
  if (isIP(address) !== 6) return address;
  const groups = groupsOf(address);
  const written = groups.join(":");
  if (/^(?:0:){7}[01]$/.test(written)) return address;
  const group = CARRIERS.find(([prefix]) => prefix.test(written))?.[1];
  if (group === undefined) return address;
  const words = [groups[group], groups[group + 1]].map((word) => Number.parseInt(word ?? "0", 16));
  return words.flatMap((word) => [word >> 8, word & 255]).join(".");
}

/** The eight groups, without leading zeros. The URL parser has written a dotted end as two of them. */
function groupsOf(address: string): string[] {
  const [left = "", right = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const [head, tail] = [left, right].map((part) => part.split(":").filter(Boolean)) as [string[], string[]];
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
}
