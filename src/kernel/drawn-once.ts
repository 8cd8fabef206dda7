import type { Queryable } from "./rows.ts";

/** The value of `key` in the table `meta`: what is there, else what `draw` gives, kept from then on. Of several at once the first one's stays. */
export async function drawnOnce(journal: Pick<Queryable, "query" | "append">, key: string, draw: () => string): Promise<string> {
  const kept = (): string | undefined => (journal.query("SELECT value FROM meta WHERE key = ?", [key]) as { value: string }[])[0]?.value;
  const known = kept();
  if (known !== undefined) return known;
  const drawn = draw();
  const sql = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING";
  await journal.append([], [{ sql, params: [key, drawn] }]);
  return kept() ?? drawn;
}
