import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";
import { systemClock } from "../src/kernel/clock.ts";
import { Journal } from "../src/kernel/journal.ts";
import { Catalog, type CatalogOptions } from "../src/inference/catalog/catalog.ts";
import type { ModelView } from "../src/inference/catalog/model.ts";

export function digestOf(content: string | Buffer): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;
}

/** A catalog over a real journal and a real folder of models. */
export class CatalogRig implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), "orco-catalog-"));
  readonly root = join(this.dir, "models");
  readonly logged: string[] = [];
  journal: Journal;
  catalog: Catalog;
  private readonly clock;

  constructor(private readonly options: Partial<CatalogOptions> = {}) {
    this.clock = options.clock ?? systemClock();
    mkdirSync(this.root);
    this.journal = this.openJournal();
    this.catalog = this.open();
  }

  /** What a daemon that comes back has. */
  async restart(options: Partial<CatalogOptions> = {}): Promise<void> {
    await this.catalog.close();
    this.journal.close();
    this.journal = this.openJournal();
    this.catalog = this.open(options);
  }

  write(name: string, content: string | Buffer): string {
    const path = join(this.root, name);
    writeFileSync(path, content);
    return path;
  }

  /** When nothing is under way for it any more. */
  settled(id: string): Promise<ModelView> {
    return until(`model ${id} to be left alone`, () => {
      const model = this.catalog.get(id);
      return model.fetch.status === "fetching" || model.verification.status === "verifying" ? undefined : model;
    });
  }

  /** Types of what was journaled. */
  get told(): string[] {
    return this.journal.read({ topic: "inference" }).map(({ type }) => type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.catalog.close();
    this.journal.close();
    rmSync(this.dir, { recursive: true });
  }

  private openJournal(): Journal {
    return Journal.open({ path: join(this.dir, "orco.db"), clock: this.clock });
  }

  private open(options: Partial<CatalogOptions> = {}): Catalog {
    const base = { journal: this.journal, clock: this.clock, roots: [this.root], allow: [], holders: () => new Map() };
    const log = (message: string): void => void this.logged.push(message);
    const catalog = new Catalog({ ...base, log, ...this.options, ...options });
    catalog.load();
    return catalog;
  }
}
