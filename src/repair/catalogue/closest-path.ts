/** As many letters may differ (repair.md, entry 22). */
const MAX_DISTANCE = 2;

/**
 * The path a person most likely meant: at most two letters added, left out or exchanged, and fewer than half of it. Of several the nearest, then one
 * of the same ending, then the first by name. Undefined where none is near.
 */
export function closestPath(wanted: string, paths: Iterable<string>): string | undefined {
  let best: { path: string; cost: number } | undefined;
  const ending = endingOf(wanted);
  for (const path of paths) {
    const distance = distanceWithin(wanted, path, MAX_DISTANCE);
    if (distance === undefined || distance * 2 >= wanted.length) continue;
    const cost = distance * 2 + (endingOf(path) === ending ? 0 : 1);
    if (!best || cost < best.cost || (cost === best.cost && path < best.path)) best = { path, cost };
  }
  return best?.path;
}

/** Levenshtein's distance where it is at most `limit`; only the diagonal band of that width is looked at. */
export function distanceWithin(a: string, b: string, limit: number): number | undefined {
  if (Math.abs(a.length - b.length) > limit) return undefined;
  const far = limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => Math.min(index, far));
  for (let i = 1; i <= a.length; i++) {
    const next = Array.from({ length: b.length + 1 }, () => far);
    if (i <= limit) next[0] = i;
    for (let j = Math.max(1, i - limit); j <= Math.min(b.length, i + limit); j++) {
      const exchanged = (row[j - 1] ?? far) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(exchanged, (row[j] ?? far) + 1, (next[j - 1] ?? far) + 1, far);
    }
    if (next.every((cost) => cost >= far)) return undefined;
    row = next;
  }
  const distance = row[b.length] ?? far;
  return distance <= limit ? distance : undefined;
}

function endingOf(path: string): string {
  return /\.[^./]*$/.exec(path)?.[0] ?? "";
}
