/** The one of `versions` that is nearest to `wanted`: as many leading numbers the same as can be, then the least distance, then the newer. No pre-releases unless one was asked for. */
export function nearestVersion(wanted: string, versions: readonly string[]): string | undefined {
  const target = numbersOf(wanted);
  const final = versions.filter((version) => isFinal(version) || !isFinal(wanted));
  const [best] = (final.length > 0 ? final : versions).toSorted(
    (a, b) => compare(numbersOf(a), numbersOf(b), target) || versions.indexOf(b) - versions.indexOf(a),
  );
  return best;
}

/** Is `a` the newer one? By its numbers only. */
export function isNewer(a: string, b: string): boolean {
  return order(numbersOf(a), numbersOf(b)) > 0;
}

function isFinal(version: string): boolean {
  return /^v?(?:\d+!)?\d+(?:\.\d+)*(?:\.post\d+)?(?:\+[\w.]+)?$/.test(version);
}

function numbersOf(version: string): readonly number[] {
  return (/^v?(?:\d+!)?(\d+(?:\.\d+)*)/.exec(version)?.[1] ?? "").split(".").map(Number);
}

function compare(a: readonly number[], b: readonly number[], target: readonly number[]): number {
  const [same, other] = [shared(a, target), shared(b, target)];
  if (same !== other) return other - same;
  return Math.abs((a[same] ?? 0) - (target[same] ?? 0)) - Math.abs((b[same] ?? 0) - (target[same] ?? 0)) || order(b, a);
}

function shared(a: readonly number[], target: readonly number[]): number {
  const length = Math.max(a.length, target.length);
  for (let at = 0; at < length; at++) if ((a[at] ?? 0) !== (target[at] ?? 0)) return at;
  return length;
}

function order(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) if ((a[at] ?? 0) !== (b[at] ?? 0)) return (a[at] ?? 0) - (b[at] ?? 0);
  return 0;
}
