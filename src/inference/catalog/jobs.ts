import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import { failure } from "../failure.ts";
import { digestOf, type Progress } from "./digest.ts";
import { fetchModel } from "./fetch/fetch.ts";
import { removePartial, sweepPartials } from "./fetch/partial.ts";
import { FETCH_LIMITS, type FetchLimits, type FetchPorts } from "./fetch/ports.ts";
import { type Check, type ModelRecord, without } from "./record.ts";
import type { ModelRoots } from "./roots.ts";
import type { Shelf } from "./shelf.ts";
import type { Source } from "./source.ts";
import { Turns } from "./turns.ts";

/** Disks are no faster for two readers at once. */
const VERIFIED_AT_ONCE = 1;
const FETCHED_AT_ONCE = 2;

/** What is under way for one model. */
export interface Live {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
  verifying?: Progress;
  fetching?: Progress;
}

interface JobPorts extends Pick<FetchPorts, "allow" | "hf"> {
  readonly clock: Clock;
  readonly shelf: Shelf;
  readonly roots: ModelRoots;
  readonly placeOf: (record: ModelRecord) => { readonly source: Source; readonly path: string };
  readonly log: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
  readonly limits?: Partial<FetchLimits>;
  readonly web?: Pick<FetchPorts, "resolve" | "ca">;
}

/** Does what is wanted of models, one thing at a time for each of them. */
export class ModelJobs {
  private readonly under = new Map<string, Live>();
  private readonly leaving = new Set<string>();
  private readonly verifies = new Turns(VERIFIED_AT_ONCE);
  private readonly fetches = new Turns(FETCHED_AT_ONCE);
  private closed = false;

  constructor(private readonly ports: JobPorts) {}

  live(id: string): Live | undefined {
    return this.under.get(id);
  }

  /** CONFLICT for one that is being removed. */
  assertStays(id: string): void {
    if (this.leaving.has(id)) throw failure("CONFLICT", `model ${id} is being removed`);
  }

  /** What is wanted of the model is done, if that is not under way already. */
  begin(id: string): void {
    if (this.closed || this.under.has(id) || this.leaving.has(id)) return;
    const done = Promise.withResolvers<void>();
    const live: Live = { abort: new AbortController(), ended: done.promise };
    this.under.set(id, live);
    void this.work(id, live)
      .catch((error: unknown) =>
        this.ports.log("what was found out about a model could not be stored", { model: id, error: messageOf(error) }),
      )
      .finally(() => {
        this.under.delete(id);
        done.resolve();
      });
  }

  /** Stops what is under way, takes the model off the shelf and its partial file off the disk. */
  async forget(id: string): Promise<void> {
    this.assertStays(id);
    this.leaving.add(id);
    try {
      await this.stop(id);
      await this.ports.shelf.remove(id);
      await removePartial(this.ports.roots.first, id);
    } finally {
      this.leaving.delete(id);
      if (this.ports.shelf.find(id)?.wanted.length) this.begin(id);
    }
  }

  /** Takes away what is left of models that are gone. */
  sweep(): void {
    sweepPartials(this.ports.roots, (id) => this.ports.shelf.find(id) !== undefined).catch((error: unknown) =>
      this.ports.log("what was left of fetched models could not be taken away", { error: messageOf(error) }),
    );
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.under.keys()].map((id) => this.stop(id)));
  }

  private async stop(id: string): Promise<void> {
    const live = this.under.get(id);
    live?.abort.abort(new Error("stopped"));
    await live?.ended;
  }

  private async work(id: string, live: Live): Promise<void> {
    const { signal } = live.abort;
    for (;;) {
      const record = this.ports.shelf.find(id);
      if (signal.aborted || !record || record.wanted.length === 0) return;
      await this.next(record, live);
    }
  }

  private async next(record: ModelRecord, live: Live): Promise<void> {
    try {
      const { source, path } = this.ports.placeOf(record);
      const fetches = source.kind === "remote" && (record.wanted.includes("fetch") || !this.ports.roots.look(path));
      await (fetches ? this.fetch(record, { source, path }, live) : this.verify(record, path, live));
    } catch (error) {
      if (!live.abort.signal.aborted) await this.failed(record, messageOf(error));
    } finally {
      delete live.verifying;
      delete live.fetching;
    }
  }

  private async verify(record: ModelRecord, path: string, live: Live): Promise<void> {
    const { signal } = live.abort;
    const progress: Progress = { done: 0, total: 0 };
    live.verifying = progress;
    const { roots } = this.ports;
    const { digest, facts } = await this.verifies.take(signal, () => digestOf(path, { roots, progress, signal }));
    await this.checked(record.id, checkOf(record, digest, facts));
  }

  private async fetch(
    record: ModelRecord,
    { source, path }: { source: Source & { kind: "remote" }; path: string },
    live: Live,
  ): Promise<void> {
    const { signal } = live.abort;
    const progress: Progress = { done: 0, total: 0 };
    live.fetching = progress;
    const { roots, limits, web, ...ports } = this.ports;
    const wanted = { record, source, path, roots };
    const ways = { ...ports, ...web, limits: { ...FETCH_LIMITS, ...limits } };
    const found = await this.fetches.take(signal, () => fetchModel(wanted, ways, { progress, signal }));
    const check = checkOf(record, found.digest, found.facts);
    const error = found.facts === undefined ? { error: check.detail ?? "what was fetched is not what was registered" } : {};
    const data = { digest: found.digest, status: found.facts === undefined ? "failed" : "present", ...error };
    await this.ports.shelf.tell(record.id, { type: "model.fetched", data }, (now) => ({
      ...without(now, "fetch"),
      fetch: { digest: found.digest, ...error },
    }));
    if (record.digest !== undefined) await this.checked(record.id, check);
  }

  private checked(id: string, check: Check): Promise<void> {
    const data = { status: check.status, ...(check.detail !== undefined && { detail: check.detail }) };
    return this.ports.shelf.tell(id, { type: "model.verified", data }, (now) => ({ ...without(now, "verify"), check }));
  }

  /** A mismatch that is known stays known: that a look failed proves nothing. */
  private async failed({ id, wanted }: ModelRecord, error: string): Promise<void> {
    if (wanted.includes("fetch"))
      await this.ports.shelf.tell(id, { type: "model.fetched", data: { status: "failed", error } }, (now) => ({
        ...without(now, "fetch"),
        fetch: { ...now.fetch, error },
      }));
    if (!wanted.includes("verify")) return;
    const check = this.ports.shelf.find(id)?.check;
    await this.checked(id, check?.status === "mismatch" ? check : { status: "unverified", detail: error });
  }
}

function checkOf({ digest }: ModelRecord, found: string, file: Check["file"]): Check {
  if (digest === found) return { status: "verified", ...(file && { file }) };
  return { status: "mismatch", detail: `the file is ${found}, and ${digest} was registered`, ...(file && { file }) };
}
