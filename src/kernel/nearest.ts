/** The candidate a person most likely meant, or undefined when none is near. Case and `-`/`_` differences cost nothing, and something must be the same. `within`: at most that many letters. */
export function nearest(word: string, candidates: Iterable<string>, within = Infinity): string | undefined {
  const plain = fold(word);
  let best: { candidate: string; cost: number } | undefined;
  for (const candidate of candidates) {
    const limit = Math.min(within, Math.max(1, Math.floor(Math.max(plain.length, candidate.length) / 3)));
    if (Math.abs(plain.length - candidate.length) > limit + 1) continue;
    const cost = distance(plain, fold(candidate));
    const shared = cost < Math.max(plain.length, fold(candidate).length);
    if (shared && cost <= limit && (!best || cost < best.cost)) best = { candidate, cost };
  }
  return best?.candidate;
}

/** `did you mean "replicas"?`, for a hint. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? undefined : `did you mean "${candidate}"?`;
}

function fold(word: string): string {
  return word
    .slice(0, 64)
    .toLowerCase()
    .replace(/[-_\s]/g, "");
}

/** Edit distance where swapping two neighbours counts once (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, at(i - 1, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, at(i - 2, j - 2) + 1);
      row.push(cost);
    }
  }
  return at(a.length, b.length);
}
