import { BlockList, isIP } from "node:net";

/** Ranges as `first address/bits`. */
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

/** Why nothing is sent to the address; undefined when it may be. `allowInside`: loopback and private networks are the operator's own wish. */
export function refuseAddress(address: string, { allowInside }: { allowInside: boolean }): string | undefined {
  const plain = embedded(address.replace(/%.*$/, ""));
  const family = isIP(plain) === 6 ? "ipv6" : "ipv4";
  if (isIP(plain) === 0) return `${address} is no address`;
  if (never.check(plain, family)) return `${address} is a link-local, metadata or multicast address, to which no alert is sent`;
  if (!allowInside && inside.check(plain, family))
    return `${address} is within this machine or its networks; a contract out of a repository may not send alerts there, one given with PUT may`;
  return undefined;
}

function listOf(ranges: Ranges): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [first = "", bits] = range.split("/");
    list.addSubnet(first, Number(bits), isIP(first) === 6 ? "ipv6" : "ipv4");
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
