/** The last known objects of one kind, by the Job that they belong to. Plain state: what fills it are lists and watches. */
export class Shelf<T extends { readonly name: string; readonly uid: string }> {
  private groups = new Map<string, Map<string, T>>();
  /** Monotonic ms at which the last complete list was asked for: what was made later may be missing. */
  listedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly jobOf: (object: T) => string,
    private readonly changed: (job: string) => void = () => {},
  ) {}

  of(job: string): readonly T[] {
    return [...(this.groups.get(job)?.values() ?? [])];
  }

  put(object: T): void {
    const job = this.jobOf(object);
    const group = this.groups.get(job);
    if (group) group.set(object.name, object);
    else this.groups.set(job, new Map([[object.name, object]]));
    this.changed(job);
  }

  /** Nothing when another object of that name has taken its place. */
  remove({ name, uid, job }: { readonly name: string; readonly uid: string; readonly job: string }): void {
    const group = this.groups.get(job);
    if (group?.get(name)?.uid !== uid) return;
    group.delete(name);
    if (group.size === 0) this.groups.delete(job);
    this.changed(job);
  }

  /** What is not among them is gone. */
  replace(objects: readonly T[], listedAt: number): void {
    const before = this.groups;
    this.groups = new Map();
    this.listedAt = listedAt;
    for (const object of objects) this.put(object);
    for (const job of before.keys()) if (!this.groups.has(job)) this.changed(job);
  }

  clear(): void {
    this.groups.clear();
    this.listedAt = Number.NEGATIVE_INFINITY;
  }
}
