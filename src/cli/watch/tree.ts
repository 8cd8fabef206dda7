import { readdirSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import type { Bells } from "./bells.ts";
import { Rules } from "./rules.ts";
import { folderId, lookAt } from "./look-at.ts";

/** What differs when a file does: time, size, inode and mode. */
type Stamp = string;

interface Folder {
  /** `folderId` */
  readonly id: string;
  readonly files: ReadonlyMap<string, Stamp>;
  /** Folders directly in it. */
  readonly children: readonly string[];
}

/**
 * A watched path, file or folder, as it was at the last look. Bells only say where to look: what has changed is found by comparing, so that nothing
 * is missed or told twice whatever a file system says in which order. Symbolic links below the root are files of their own and not followed.
 */
export class Tree {
  private readonly folders = new Map<string, Folder>();
  private readonly dirty = new Set<string>();
  private readonly rules: Rules;
  private readonly listeners = new Map<string, () => void>();
  /** Of a root that is a file. */
  private file: Stamp | undefined;
  private changed = new Set<string>();

  /** `onHint`: it is worth a look. */
  constructor(
    readonly root: string,
    ignored: readonly string[],
    private readonly ports: { readonly bells: Bells; readonly onHint: () => void },
  ) {
    this.rules = new Rules(root, ignored);
  }

  /** Absolute paths of files that came, went or changed since the last look; everything at the first. `all`: also where no bell has rung. */
  look(all = false): string[] {
    const found = lookAt(this.root);
    if (found?.isDirectory()) this.lookAtFolder(found, all);
    else this.lookAtFile(found);
    this.dirty.clear();
    const paths = [...this.changed].sort();
    this.changed = new Set();
    return paths;
  }

  close(): void {
    for (const [folder, listener] of this.listeners) this.ports.bells.leave(folder, listener);
    this.listeners.clear();
  }

  private lookAtFolder(found: Stats, all: boolean): void {
    if (this.file !== undefined) this.lookAtFile(undefined);
    const id = folderId(found);
    const another = this.folders.get(this.root)?.id !== id;
    if (all || another) this.rules.forget();
    if (all || another) return this.scan(this.root, id, true);
    for (const folder of this.dirty) {
      const known = this.folders.get(folder);
      const now = known && lookAt(folder, { follow: false });
      // A folder that was forgotten meanwhile has been seen by its parent's look.
      if (known) this.scan(folder, folder === this.root ? id : now ? folderId(now) : known.id, false);
    }
  }

  private lookAtFile(found: Stats | undefined): void {
    this.forget(this.root);
    const now = found && stampOf(found);
    if (now !== this.file) this.changed.add(this.root);
    this.file = now;
    // A file is replaced more often than written: its folder tells of both.
    const folder = dirname(this.root);
    const above = lookAt(folder);
    if (above) this.listen(folder, folderId(above));
    else this.leave(folder);
  }

  private scan(folder: string, id: string, deep: boolean): void {
    // First listened to, then read: what happens in between rings.
    this.listen(folder, id);
    const entries = entriesOf(folder);
    if (!entries) return this.forget(folder);
    const before = this.folders.get(folder);
    const otherRules = this.rulesDiffer(folder, before);
    if (otherRules) this.rules.forgetFolder(folder);
    const files = new Map<string, Stamp>();
    const children = new Map<string, string>();
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (this.rules.ignores(path, entry.isDirectory())) continue;
      const found = lookAt(path, { follow: false });
      if (found?.isDirectory()) children.set(path, folderId(found));
      else if (found) files.set(entry.name, stampOf(found));
    }
    this.folders.set(folder, { id, files, children: [...children.keys()] });
    this.compare(folder, before?.files ?? new Map(), files);
    for (const path of before?.children ?? []) if (!children.has(path)) this.forget(path);
    for (const [path, child] of children)
      if (deep || otherRules || this.folders.get(path)?.id !== child) this.scan(path, child, deep || otherRules);
  }

  /** A folder that is new may have had others under its name. */
  private rulesDiffer(folder: string, before: Folder | undefined): boolean {
    const found = lookAt(join(folder, ".gitignore"), { follow: false });
    return before === undefined || before.files.get(".gitignore") !== (found && stampOf(found));
  }

  private compare(folder: string, before: ReadonlyMap<string, Stamp>, now: ReadonlyMap<string, Stamp>): void {
    for (const [name, stamp] of now) if (before.get(name) !== stamp) this.changed.add(join(folder, name));
    for (const name of before.keys()) if (!now.has(name)) this.changed.add(join(folder, name));
  }

  /** It is gone, with all that was in it. */
  private forget(folder: string): void {
    const known = this.folders.get(folder);
    if (!known) return;
    this.folders.delete(folder);
    this.leave(folder);
    this.compare(folder, known.files, new Map());
    for (const path of known.children) this.forget(path);
  }

  private listen(folder: string, id: string): void {
    let listener = this.listeners.get(folder);
    if (!listener) {
      listener = () => {
        this.dirty.add(folder);
        this.ports.onHint();
      };
      this.listeners.set(folder, listener);
    }
    this.ports.bells.listen(folder, id, listener);
  }

  private leave(folder: string): void {
    const listener = this.listeners.get(folder);
    if (!listener) return;
    this.listeners.delete(folder);
    this.ports.bells.leave(folder, listener);
  }
}

function stampOf({ mtimeMs, size, ino, mode }: Stats): Stamp {
  return `${mtimeMs}:${size}:${ino}:${mode}`;
}

/** Undefined: it is no folder any more, or not for us to read. */
function entriesOf(folder: string): { readonly name: string; isDirectory(): boolean }[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return undefined;
  }
}
