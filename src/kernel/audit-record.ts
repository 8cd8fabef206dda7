import { createHash } from "node:crypto";
import { canonical } from "./canonical.ts";
import type { JsonObject } from "./event.ts";

/** Stands before the first record. */
export const GENESIS = "0".repeat(64);

/** Who did what to whom. On the wire and on disk as it is. */
export interface AuditRecord {
  /** RFC 3339. */
  readonly at: string;
  readonly actor: string;
  /** Dotted, e.g. `repair.approved`. */
  readonly action: string;
  /** What it was done to, e.g. `run/01J…`. */
  readonly subject: string;
  readonly facts: JsonObject;
  /** Hash of the record before it; 64 zeros before the first. */
  readonly prev: string;
  /** SHA-256 over the canonical JSON of all the other fields, hex. */
  readonly hash: string;
}

/** Of all fields but `hash`. */
export function hashOf(record: Omit<AuditRecord, "hash">): string {
  const { hash: _, ...rest } = record as AuditRecord;
  return createHash("sha256").update(canonical(rest)).digest("hex");
}

/** Of `meta`: number and hash of the newest record, so that a log whose end was cut off shows. */
export const HEAD_KEY = "audit_head";

export interface AuditHead {
  /** 0 where there is none. */
  readonly seq: number;
  readonly hash: string;
}

/** Undefined where it is not there or cannot be read. */
export function headOf(rows: readonly unknown[]): AuditHead | undefined {
  const [row] = rows as readonly { readonly value: string }[];
  try {
    const { seq, hash } = JSON.parse(row?.value ?? "") as AuditHead;
    return typeof seq === "number" && typeof hash === "string" ? { seq, hash } : undefined;
  } catch {
    return undefined;
  }
}
