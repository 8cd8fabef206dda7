import type { Ctx } from "./context.ts";

/** Who asks, for the record. The socket opens only for the user of the daemon. */
export function callerOf(c: Ctx): string {
  const key = c.get("keyFingerprint");
  if (c.env.listener === "unix") return `uid:${process.getuid?.() ?? 0}`;
  return key === undefined ? "api" : `key:${key}`;
}

/** The token of a run's worker, where one came along. */
export function tokenOf(c: Ctx): { token?: string } {
  const token = c.get("runToken");
  return token === undefined ? {} : { token };
}

/** The id for what this request makes, where it has an Idempotency-Key. */
export function reservedOf(c: Ctx): { id?: string } {
  const id = c.get("reservedId");
  return id === undefined ? {} : { id };
}
