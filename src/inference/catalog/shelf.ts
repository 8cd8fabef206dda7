import type { JsonObject, Write } from "../../kernel/event.ts";
import { type Queryable, rowsOf } from "../../kernel/rows.ts";
import { failure } from "../failure.ts";
import type { ModelRecord } from "./record.ts";

/** More models than any machine has; every one is held in memory. */
const MAX_MODELS = 10_000;

/** Of the models in the order of their ids. */
export interface Page {
  readonly after?: string;
  readonly limit: number;
}

type Change = { readonly type: string; readonly data?: JsonObject };

/** The models on disk and in memory. Changes are made one after the other, and seen once they are on disk. */
export class Shelf {
  private readonly records = new Map<string, ModelRecord>();
  /** Of all records, in order; undefined: one has come or gone since. */
  private sorted: readonly string[] | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly journal: Queryable) {}

  load(): void {
    for (const record of rowsOf<ModelRecord>(this.journal, "SELECT row FROM catalog_models ORDER BY id"))
      this.records.set(record.id, record);
  }

  all(): ModelRecord[] {
    return [...this.records.values()];
  }

  /** In their order, those behind `after`. */
  ids({ after, limit }: Page): readonly string[] {
    this.sorted ??= [...this.records.keys()].toSorted();
    const from = after === undefined ? 0 : placeBehind(this.sorted, after);
    return this.sorted.slice(from, from + limit);
  }

  find(id: string): ModelRecord | undefined {
    return this.records.get(id);
  }

  /** NOT_FOUND. */
  get(id: string): ModelRecord {
    const record = this.records.get(id);
    if (!record) throw failure("NOT_FOUND", `there is no model ${id} in the catalog; orco models lists those that are`, { model: id });
    return record;
  }

  /** CONFLICT when there is one of that id, or no room for more. */
  add(record: ModelRecord): Promise<ModelRecord> {
    return this.inOrder(async () => {
      const { id } = record;
      if (this.records.has(id))
        throw failure("CONFLICT", `there is a model ${id} in the catalog already; remove it first to register it anew`, { model: id });
      if (this.records.size >= MAX_MODELS)
        throw failure("CONFLICT", `the catalog holds ${MAX_MODELS} models, which is all it takes: remove some first`);
      await this.write({ type: "model.registered", data: { source: record.source_url, digest: record.digest ?? null } }, record);
      return record;
    });
  }

  /** `update` sees the record as it is then. NOT_FOUND. */
  change(id: string, change: Change, update: (record: ModelRecord) => ModelRecord): Promise<ModelRecord> {
    return this.inOrder(async () => {
      const record = update(this.get(id));
      await this.write(change, record);
      return record;
    });
  }

  /** What has been found out counts at once, also where it cannot be written; then the promise rejects. */
  tell(id: string, change: Change, update: (record: ModelRecord) => ModelRecord): Promise<void> {
    return this.inOrder(async () => {
      const before = this.records.get(id);
      if (!before) return;
      const record = update(before);
      this.records.set(id, record);
      await this.write(change, record);
    });
  }

  remove(id: string): Promise<void> {
    return this.inOrder(async () => {
      this.get(id);
      const sql = "DELETE FROM catalog_models WHERE id = ?";
      await this.journal.append([event(id, { type: "model.removed" })], [{ sql, params: [id] }]);
      this.records.delete(id);
      this.sorted = undefined;
    });
  }

  private async write(change: Change, record: ModelRecord): Promise<void> {
    await this.journal.append([event(record.id, change)], [upsert(record)]);
    if (!this.records.has(record.id)) this.sorted = undefined;
    this.records.set(record.id, record);
  }

  private inOrder<T>(step: () => Promise<T>): Promise<T> {
    const result = this.last.then(step);
    this.last = result.catch(() => undefined);
    return result;
  }
}

/** Of a list in order, where what is behind `text` begins. */
function placeBehind(sorted: readonly string[], text: string): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? "") > text) to = middle;
    else from = middle + 1;
  }
  return from;
}

function event(model: string, { type, data }: Change) {
  return { topic: "inference", type, data: { model, ...data } };
}

function upsert(record: ModelRecord): Write {
  const sql = "INSERT INTO catalog_models (id, row) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET row = excluded.row";
  return { sql, params: [record.id, JSON.stringify(record)] };
}
