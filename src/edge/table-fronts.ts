import { OrcoError } from "../kernel/errors.ts";
import { listenerKey, type Front, type ListenSpec } from "./route.ts";

/** Stands for "every host that no other front of the listener names". */
const ANY_HOST = "*";

/** Fronts by id, and what each listener answers for: a change of one costs the same among ten thousand. */
export class Fronts {
  private readonly byId = new Map<string, Front>();
  private readonly byListener = new Map<string, { readonly listen: ListenSpec; readonly hosts: Map<string, string> }>();

  constructor(fronts: Iterable<Front> = []) {
    for (const front of fronts) this.put(front);
  }

  get(id: string): Front | undefined {
    return this.byId.get(id);
  }

  ids(): Iterable<string> {
    return this.byId.keys();
  }

  get size(): number {
    return this.byId.size;
  }

  all(): Front[] {
    return [...this.byId.values()];
  }

  /** By key; of several fronts of one listener the first one's. */
  listeners(): Map<string, ListenSpec> {
    return new Map([...this.byListener].map(([key, { listen }]) => [key, listen]));
  }

  /**
   * Adds a front, or replaces the one with its id. Throws `conflict` (facts: listener, front), and all is as before: another protocol
   * or other certificates on its listener, or a host that another front answers for there.
   */
  put(front: Front): void {
    const before = this.byId.get(front.id);
    this.remove(front.id);
    try {
      this.add(front);
    } catch (error) {
      if (before) this.add(before);
      throw error;
    }
  }

  /** An unknown id is nothing. */
  remove(id: string): void {
    const front = this.byId.get(id);
    if (!front) return;
    this.byId.delete(id);
    const key = listenerKey(front.listen);
    const listener = this.byListener.get(key);
    for (const host of hostsOf(front)) listener?.hosts.delete(host);
    if (listener?.hosts.size === 0) this.byListener.delete(key);
  }

  private add(front: Front): void {
    const key = listenerKey(front.listen);
    const listener = this.byListener.get(key) ?? { listen: front.listen, hosts: new Map<string, string>() };
    const [holder] = listener.hosts.values();
    const conflict = (why: string, other: string): OrcoError =>
      new OrcoError("conflict", `${front.id} cannot answer on ${key}: ${other} ${why} there; choose another port, or other hosts`, {
        listener: key,
        front: other,
      });
    if (holder !== undefined && front.listen.protocol !== listener.listen.protocol)
      throw conflict(`speaks ${listener.listen.protocol}`, holder);
    if (holder !== undefined && certificates(front.listen) !== certificates(listener.listen))
      throw conflict("has other certificates", holder);
    for (const host of hostsOf(front)) {
      const other = listener.hosts.get(host);
      if (other !== undefined) throw conflict(`answers for ${host === ANY_HOST ? "all hosts" : host}`, other);
    }
    for (const host of hostsOf(front)) listener.hosts.set(host, front.id);
    this.byListener.set(key, listener);
    this.byId.set(front.id, front);
  }
}

/** A set: a front that names a host twice is not in its own way. */
function hostsOf({ hosts }: Front): ReadonlySet<string> {
  return new Set(hosts && hosts.length > 0 ? hosts : [ANY_HOST]);
}

function certificates({ tls }: ListenSpec): string {
  return JSON.stringify(tls?.map(({ cert, key }) => [cert, key]) ?? null);
}
