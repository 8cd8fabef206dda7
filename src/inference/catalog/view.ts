import type { Fetch, ModelView, Verification } from "./model.ts";
import type { Progress } from "./digest.ts";
import type { ModelRecord } from "./record.ts";
import { type FileFacts, isSameFile } from "./roots.ts";

/** What is known of a model at this moment beside its record. */
export interface Sight {
  readonly file?: FileFacts;
  /** Why there is no file to be had although something is there. */
  readonly trouble?: string;
  /** Of the file that is read. */
  readonly verifying?: Progress;
  /** Of the file that is fetched, which is verified meanwhile. */
  readonly fetching?: Progress;
}

export function viewOf(record: ModelRecord, sight: Sight): ModelView {
  const { id, digest, source_url, tags, state, created_at, metadata } = record;
  const size = sight.file?.size ?? record.size_bytes;
  return {
    ...metadata,
    id,
    ...(digest !== undefined && { digest }),
    source_url,
    tags,
    state,
    verification: verificationOf(record, sight),
    fetch: fetchOf(record, sight),
    ...(size !== undefined && { size_bytes: size }),
    ...(sight.file && { path: sight.file.path }),
    created_at,
  };
}

/** A mismatch stands until another look says otherwise; what was found right is so only as long as the file is the same. */
function verificationOf({ check, wanted }: ModelRecord, { file, trouble, verifying, fetching }: Sight): Verification {
  const total = file?.size ?? 0;
  if (wanted.includes("verify")) {
    const at = fetching ?? verifying ?? { done: 0, total };
    return { status: "verifying", bytes_done: at.done, bytes_total: at.total || total };
  }
  if (check?.status === "mismatch") return { status: "mismatch", bytes_done: total, bytes_total: total, ...detailOf(check.detail) };
  if (check?.status === "verified" && isSameFile(check.file, file)) return { status: "verified", bytes_done: total, bytes_total: total };
  return { status: "unverified", bytes_done: 0, bytes_total: total, ...detailOf(trouble ?? whyNot(check, file)) };
}

function whyNot(check: ModelRecord["check"], file: FileFacts | undefined): string | undefined {
  if (check?.status !== "verified") return check?.detail;
  return file ? "the file has changed since it was verified" : "the file that was verified has gone";
}

function fetchOf({ fetch, wanted }: ModelRecord, { file, trouble, fetching }: Sight): Fetch {
  if (fetching || wanted.includes("fetch"))
    return { status: "fetching", bytes_done: fetching?.done ?? 0, bytes_total: fetching?.total || null };
  const digest = fetch?.digest === undefined ? {} : { digest: fetch.digest };
  if (file) return { status: "present", bytes_done: file.size, bytes_total: file.size, ...digest };
  const error = fetch?.error ?? trouble;
  return error === undefined
    ? { status: "absent", bytes_done: 0, bytes_total: null }
    : { status: "failed", bytes_done: 0, bytes_total: null, error };
}

function detailOf(detail: string | undefined): { detail?: string } {
  return detail === undefined ? {} : { detail };
}
