import { isIP } from "node:net";

/** One way in, and the names it answers for; without any it takes what no other does. */
export interface Named<T> {
  readonly hosts?: readonly string[] | undefined;
  readonly value: T;
}

/**
 * Who answers for a Host: exact name, else `*.` for one label, else the one without names. Each step is one look into a map,
 * so ten thousand names cost a request nothing. Of two equal names the first wins.
 */
export class HostTable<T> {
  private readonly names = new Map<string, T>();
  private readonly other: T | undefined;

  constructor(entries: Iterable<Named<T>>) {
    let other: T | undefined;
    for (const { hosts, value } of entries) {
      if (!hosts || hosts.length === 0) other ??= value;
      else for (const host of hosts) if (!this.names.has(host)) this.names.set(host, value);
    }
    this.other = other;
  }

  /** `host`: lower case, its port and a last dot may be there. */
  find(host: string): T | undefined {
    if (this.names.size === 0) return this.other;
    const exact = this.names.get(host);
    if (exact !== undefined) return exact;
    const name = bareName(host);
    return this.names.get(name) ?? this.wildcard(name) ?? this.other;
  }

  private wildcard(name: string): T | undefined {
    const dot = name.indexOf(".");
    return dot <= 0 || isIP(name) ? undefined : this.names.get(`*${name.slice(dot)}`);
  }
}

/** `a.example:8080` and `a.example.` → `a.example`; `[::1]:80` → `[::1]`. */
export function bareName(host: string): string {
  const colon = host.lastIndexOf(":");
  const name = colon > host.lastIndexOf("]") ? host.slice(0, colon) : host;
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
