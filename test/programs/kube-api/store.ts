/** Objects with versions, and everything that happened to them. */
export interface Stored {
  readonly kind: string;
  metadata: Record<string, unknown> & { name: string; uid: string; labels?: Record<string, string>; resourceVersion: string };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface Happened {
  readonly version: number;
  readonly kind: string;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Stored;
}

type Fields = Record<string, unknown>;

export class Store {
  version = 100;
  /** Versions below are forgotten. */
  floor = 0;
  readonly history: Happened[] = [];
  private readonly objects = new Map<string, Stored>();
  private readonly listeners = new Set<(event: Happened) => void>();

  get(kind: string, name: string): Stored | undefined {
    return this.objects.get(`${kind}/${name}`);
  }

  list(kind: string, selector: string): Stored[] {
    return [...this.objects.values()].filter((object) => object.kind === kind && matches(object, selector));
  }

  create(kind: string, { metadata, ...rest }: Fields): Stored {
    const given = metadata as Fields & { name: string };
    const meta = { creationTimestamp: new Date().toISOString(), ...given, uid: crypto.randomUUID(), resourceVersion: "" };
    return this.happened("ADDED", { ...rest, kind, metadata: meta });
  }

  patch(object: Stored, change: Fields): Stored {
    return this.happened("MODIFIED", merged(object, change) as Stored);
  }

  remove(object: Stored): void {
    this.happened("DELETED", { ...object });
  }

  listen(fn: (event: Happened) => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  private happened(type: Happened["type"], next: Stored): Stored {
    this.version += 1;
    const object = { ...next, metadata: { ...next.metadata, resourceVersion: String(this.version) } };
    const key = `${object.kind}/${object.metadata.name}`;
    if (type === "DELETED") this.objects.delete(key);
    else this.objects.set(key, object);
    const event = { version: this.version, kind: object.kind, type, object };
    this.history.push(event);
    for (const fn of this.listeners) fn(event);
    return object;
  }
}

export function matches({ metadata }: Stored, selector: string): boolean {
  return selector.split(",").every((one) => {
    const [key = "", value] = one.split("=");
    return key === "" || metadata.labels?.[key] === value;
  });
}

/** RFC 7396. */
function merged(target: unknown, change: unknown): unknown {
  if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
  const result: Fields = { ...(typeof target === "object" && target !== null ? (target as Fields) : {}) };
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
