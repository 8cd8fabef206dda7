import type { Json, JsonObject } from "../../kernel/event.ts";
import type { NewModel } from "./body.ts";
import type { FileFacts } from "./roots.ts";

/** One row of `catalog_models`. */
export interface ModelRecord {
  readonly id: string;
  readonly digest?: string;
  readonly source_url: string;
  readonly tags: readonly string[];
  readonly state: "Active" | "Retired";
  /** As the client declared it. */
  readonly size_bytes?: number;
  /** RFC 3339. */
  readonly created_at: string;
  readonly metadata: JsonObject;
  readonly check?: Check;
  readonly fetch?: { readonly error?: string; readonly digest?: string };
  /** What was asked for and has not come to its end: taken up again when the daemon starts. */
  readonly wanted: readonly Job[];
}

export type Job = "verify" | "fetch";

/** How the last verification ended, and of which file that is true. */
export interface Check {
  readonly status: "unverified" | "verified" | "mismatch";
  readonly detail?: string;
  readonly file?: FileFacts;
}

/** What orco tells of a model: never metadata. */
const READ_ONLY: ReadonlySet<string> = new Set(["verification", "fetch", "path", "created_at"]);

export function newRecord(body: NewModel, createdAt: string): ModelRecord {
  const { id, digest, source_url, tags, state, size_bytes, ...others } = body;
  const metadata = Object.fromEntries(Object.entries(others).filter(([name]) => !READ_ONLY.has(name))) as Record<string, Json>;
  return {
    id,
    ...(digest !== undefined && { digest }),
    source_url,
    tags,
    state,
    ...(size_bytes !== undefined && { size_bytes }),
    created_at: createdAt,
    metadata,
    wanted: [],
  };
}

export function wanting(record: ModelRecord, job: Job): ModelRecord {
  return { ...record, wanted: [...new Set([...record.wanted, job])] };
}

export function without(record: ModelRecord, ...jobs: readonly Job[]): ModelRecord {
  return { ...record, wanted: record.wanted.filter((job) => !jobs.includes(job)) };
}
