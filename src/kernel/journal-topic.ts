/** What a `topic` of a query means: every topic, one topic, or those with a prefix (`stack/*`). */
export type TopicFilter =
  | { readonly kind: "all" }
  | { readonly kind: "exact"; readonly topic: string }
  | { readonly kind: "prefix"; readonly prefix: string };

/** Where the records of who did what are (`kernel/audit.ts`): each seals the one before it, so none of them may go. */
export const AUDIT_TOPIC = "audit";

/** Sorts after everything that begins with a prefix, in SQLite's byte order as well as in JavaScript's comparison of plain text. */
const LAST_CHARACTER = "\u{10ffff}";

export function topicFilter(topic: string | undefined): TopicFilter {
  if (topic === undefined || topic === "*") return { kind: "all" };
  if (topic.endsWith("*")) return { kind: "prefix", prefix: topic.slice(0, -1) };
  return { kind: "exact", topic };
}

export function matches(filter: TopicFilter, topic: string): boolean {
  if (filter.kind === "all") return true;
  return filter.kind === "exact" ? topic === filter.topic : topic.startsWith(filter.prefix);
}

/** Bounds for `topic >= low AND topic < high`. */
export function rangeOf(prefix: string): { readonly low: string; readonly high: string } {
  return { low: prefix, high: prefix + LAST_CHARACTER };
}
