/** Whether the reader has it already. Source: RFC 9110 §13.1.2. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const named = ifNoneMatch?.split(",").map((tag) => tag.trim().replace(/^W\//, "")) ?? [];
  return named.includes("*") || named.includes(etag);
}
