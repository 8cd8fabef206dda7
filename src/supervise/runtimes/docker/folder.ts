import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint, Exit, Spools } from "../../runtime.ts";

export const CONTAINER_FILE = "container.json";

/** What is known of an instance's container: `container.json`. */
export interface ContainerMeta {
  readonly instance: string;
  readonly id: string;
  readonly name: string;
  /** Of the kernel it was started under. */
  readonly bootId: string;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly pid?: number;
  readonly endpoint?: Endpoint;
  /** Once it has ended, and its log is in the spools. */
  readonly exit?: Exit;
}

/** `instances/<id>/` of a container: container.json, stdout.spool, stderr.spool, and their times. */
export class ContainerFolder {
  readonly spools: Spools;

  constructor(readonly dir: string) {
    this.spools = { stdout: join(dir, "stdout.spool"), stderr: join(dir, "stderr.spool"), timed: true };
  }

  /** The log store may look at once. */
  create(): void {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    for (const spool of [this.spools.stdout, this.spools.stderr]) closeSync(openSync(spool, "a", 0o600));
  }

  get exists(): boolean {
    return existsSync(this.dir);
  }

  write(meta: ContainerMeta): void {
    const file = join(this.dir, CONTAINER_FILE);
    writeFileSync(`${file}.tmp`, JSON.stringify(meta), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  }

  read(): ContainerMeta | undefined {
    try {
      return JSON.parse(readFileSync(join(this.dir, CONTAINER_FILE), "utf8")) as ContainerMeta;
    } catch {
      // None was written yet, or the daemon died while the machine did.
      return undefined;
    }
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Ids of the instances of a home that are, or were, containers. */
export function containerFolders(home: string): string[] {
  const root = join(home, "instances");
  if (!existsSync(root)) return [];
  return readdirSync(root).filter((instance) => existsSync(join(root, instance, CONTAINER_FILE)));
}
