import { ENTRY_BYTES } from "./entry.ts";
import type { LoggingSpec } from "./record.ts";
import type { Segment } from "./segment.ts";

/** A segment is also closed when its index has this many bytes: many tiny writes must not outgrow the bound by their index. */
const MAX_INDEX_BYTES = 8 * 1024 * 1024;

type Limits = Pick<LoggingSpec, "maxFileSizeBytes" | "maxFiles" | "maxAgeMs">;

/** Whether `bytes` more must go to a new segment. Index and log count together, so that the bound of a service is one. */
export function mustRotate(segment: Segment, bytes: number, limits: Limits & { now: number }): boolean {
  if (segment.firstTs === undefined) return false;
  const indexBytes = segment.entries * ENTRY_BYTES;
  if (segment.end + bytes + indexBytes > limits.maxFileSizeBytes || indexBytes > MAX_INDEX_BYTES) return true;
  return limits.maxAgeMs !== undefined && limits.now - segment.firstTs >= limits.maxAgeMs / 2;
}

/** How many of the oldest segments have to go; never the last one, which knows the seq. `lastTs` is when the newest line was read. */
export function expired(segments: readonly Segment[], limits: Limits & { now: number }): number {
  if (segments.length < 2) return 0;
  const tooMany = Math.max(0, segments.length - Math.max(1, limits.maxFiles));
  const { maxAgeMs, now } = limits;
  if (maxAgeMs === undefined) return tooMany;
  const kept = segments.findIndex(({ lastTs }) => now - lastTs <= maxAgeMs);
  return Math.max(tooMany, kept < 0 ? segments.length - 1 : kept);
}
