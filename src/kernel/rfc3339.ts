/** Epoch ms as the wire says it: UTC, with milliseconds. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
