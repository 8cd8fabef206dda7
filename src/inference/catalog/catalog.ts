import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type CancelTimer, type Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";
import type { Queryable } from "../../kernel/rows.ts";
import { failure } from "../failure.ts";
import type { CatalogService } from "../service.ts";
import { availabilityOf } from "./availability.ts";
import { ModelBody } from "./body.ts";
import type { FetchLimits, FetchPorts } from "./fetch/ports.ts";
import { type Live, ModelJobs } from "./jobs.ts";
import type { Availability, ModelGuard, ModelPage, ModelView } from "./model.ts";
import { type Job, type ModelRecord, newRecord, wanting } from "./record.ts";
import { type FileFacts, ModelRoots } from "./roots.ts";
import { type Page, Shelf } from "./shelf.ts";
import { type Source, sourceOf } from "./source.ts";
import { type Sight, viewOf } from "./view.ts";

/** Files are looked at again this often: somebody may have put, changed or taken one. */
const LOOK_MS = 5000;
/** So many at a time, then others have their turn: each look asks the disk. */
const LOOKS = 100;
const HF = "https://huggingface.co";
/** What has no node of its own. */
const LOCAL = "local";

export interface CatalogOptions {
  readonly journal: Queryable;
  readonly clock: Clock;
  /** Absolute folders below which models may lie; fetched files go below the first. */
  readonly roots: readonly string[];
  /** ORCO_MODEL_ALLOW. */
  readonly allow: readonly string[];
  /** By model, the nodes that have it; this machine is `local`. */
  readonly holders: () => ReadonlyMap<string, ReadonlySet<string>>;
  readonly log: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
  /** Hugging Face, where it is another than huggingface.co, and the token that it alone gets. */
  readonly hf?: { readonly base?: string; readonly token?: string };
  readonly limits?: Partial<FetchLimits>;
  /** Of tests: names without a resolver, and an authority of their own. */
  readonly web?: Pick<FetchPorts, "resolve" | "ca">;
}

/** The models that orco knows of, and whether their files are what they should be. */
export class Catalog implements CatalogService, ModelGuard {
  private readonly shelf: Shelf;
  private readonly roots: ModelRoots;
  private readonly jobs: ModelJobs;
  private readonly hfBase: string;
  /** Files as they were when they were last looked at. */
  private readonly files = new Map<string, FileFacts>();
  private cancelLook: CancelTimer = () => undefined;
  private looked = 0;

  constructor(private readonly options: CatalogOptions) {
    this.shelf = new Shelf(options.journal);
    this.roots = new ModelRoots(options.roots);
    this.hfBase = (options.hf?.base ?? HF).replace(/\/+$/, "");
    this.jobs = new ModelJobs({
      ...options,
      shelf: this.shelf,
      roots: this.roots,
      placeOf: (record) => this.placeOf(record),
      hf: { ...options.hf, base: this.hfBase },
    });
  }

  /** Reads what is on disk, and goes on with what was under way when the last daemon ended. */
  load(): void {
    this.shelf.load();
    const roots = this.roots.still();
    for (const record of this.shelf.all()) {
      this.sight(record, roots);
      if (record.wanted.length > 0) this.jobs.begin(record.id);
    }
    this.jobs.sweep();
    this.lookAgain();
  }

  /** What is under way stops, and goes on with the next daemon. */
  async close(): Promise<void> {
    this.cancelLook();
    await this.jobs.close();
  }

  look(id: string): ReturnType<ModelGuard["look"]> {
    const record = this.shelf.find(id);
    if (!record) return undefined;
    const { state, check, created_at: createdAt } = record;
    const sizeBytes = this.files.get(id)?.size ?? record.size_bytes;
    return { state, trusted: check?.status !== "mismatch", createdAt, ...(sizeBytes !== undefined && { sizeBytes }) };
  }

  async register(model: JsonObject): Promise<ModelView> {
    const record = newRecord(ModelBody.parse(model), rfc3339(this.options.clock.now()));
    const { path } = this.placeOf(record);
    // What is there already has to be allowed; what is not is looked at when it comes.
    this.roots.look(path);
    return this.view(await this.shelf.add(record));
  }

  async list({ after, limit = Number.POSITIVE_INFINITY }: Partial<Page> = {}): Promise<ModelPage> {
    const ids = this.shelf.ids({ limit: limit + 1, ...(after !== undefined && { after }) });
    const page = ids.slice(0, limit);
    const models: ModelView[] = [];
    for (let from = 0; from < page.length; from += LOOKS) {
      if (from > 0) await setImmediate();
      const roots = this.roots.still();
      for (const id of page.slice(from, from + LOOKS)) {
        const record = this.shelf.find(id);
        if (record) models.push(this.view(record, roots));
      }
    }
    const last = page.at(-1);
    return { models, ...(ids.length > page.length && last !== undefined && { next: last }) };
  }

  get(id: string): ModelView {
    return this.view(this.shelf.get(id));
  }

  /** Its file stays, but what was fetched of it so far does not. */
  async remove(id: string): Promise<void> {
    this.shelf.get(id);
    await this.jobs.forget(id);
    this.files.delete(id);
  }

  async verify(id: string): Promise<ModelView> {
    const record = this.shelf.get(id);
    if (record.digest === undefined)
      throw failure(
        "INVALID_PARAMS",
        `model ${id} has no digest to hold its file against: register it anew with one, as sha256sum prints it`,
      );
    const { source, path } = this.placeOf(record);
    if (!this.roots.look(path) && source.kind === "file")
      throw failure("CONFLICT", `model ${id} has no file yet: put it at ${path}, then verify it again`);
    return this.want(record, "verify");
  }

  async fetch(id: string): Promise<ModelView> {
    const record = this.shelf.get(id);
    const { source, path } = this.placeOf(record);
    if (this.roots.look(path) && record.check?.status !== "mismatch") return this.view(record);
    if (source.kind === "file") throw failure("CONFLICT", `model ${id} is a file of this machine: put it at ${path} by hand`);
    return this.want(record, "fetch");
  }

  async setState(id: string, state: "Active" | "Retired"): Promise<ModelView> {
    return this.view(await this.shelf.change(id, { type: "model.state", data: { state } }, (record) => ({ ...record, state })));
  }

  availability(): Availability {
    const holders = new Map([...this.options.holders()].map(([model, nodes]) => [model, new Set(nodes)]));
    for (const id of this.files.keys()) holders.set(id, new Set(holders.get(id)).add(LOCAL));
    return availabilityOf(holders);
  }

  private async want(record: ModelRecord, job: Job): Promise<ModelView> {
    const { id } = record;
    this.jobs.assertStays(id);
    if (record.wanted.includes(job)) return this.view(record);
    const wanted = await this.shelf.change(id, { type: job === "fetch" ? "model.fetching" : "model.verifying" }, (now) =>
      wanting(now, job),
    );
    this.jobs.begin(id);
    return this.view(wanted);
  }

  private view(record: ModelRecord, roots = this.roots): ModelView {
    return viewOf(record, this.sight(record, roots));
  }

  private sight(record: ModelRecord, roots = this.roots): Sight {
    const live: Partial<Live> = this.jobs.live(record.id) ?? {};
    const { verifying, fetching } = live;
    const under = { ...(verifying && { verifying }), ...(fetching && { fetching }) };
    try {
      const file = roots.look(this.placeOf(record, roots).path);
      if (file) this.files.set(record.id, file);
      else this.files.delete(record.id);
      return { ...under, ...(file && { file }) };
    } catch (error) {
      this.files.delete(record.id);
      if (!(error instanceof OrcoError)) this.options.log("a model cannot be looked at", { model: record.id, error: messageOf(error) });
      return { ...under, trouble: messageOf(error) };
    }
  }

  /** Throws INVALID_PARAMS where the settings have changed since and do not allow it any more. */
  private placeOf({ id, source_url }: Pick<ModelRecord, "id" | "source_url">, roots = this.roots): { source: Source; path: string } {
    const source = sourceOf(source_url, { roots, allow: this.options.allow, hfBase: this.hfBase });
    return { source, path: source.kind === "file" ? source.path : join(this.roots.first, encodeURIComponent(id), source.name) };
  }

  private lookAgain(): void {
    this.cancelLook = this.options.clock.after(LOOK_MS, () => {
      const all = this.shelf.all();
      if (this.looked >= all.length) this.looked = 0;
      const roots = this.roots.still();
      for (const record of all.slice(this.looked, (this.looked += LOOKS))) this.sight(record, roots);
      this.lookAgain();
    });
  }
}
