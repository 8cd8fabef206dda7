/** Prometheus text exposition 0.0.4. prom-client does the same for 8 MB of resident memory, in a daemon that may use 60. */

export type Labels = Readonly<Record<string, string>>;

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** `suffix` is `_bucket`, `_sum`, `_count` of a histogram. */
  readonly samples: readonly { readonly labels: Labels; readonly value: number; readonly suffix?: string }[];
}

/** A counter or gauge with its label values; `limit` bounds the label combinations, later ones are not kept. */
export class Series {
  private readonly values = new Map<string, { labels: Labels; value: number }>();

  constructor(
    private readonly about: Pick<Family, "name" | "help" | "type">,
    private readonly limit = 1000,
  ) {}

  add(labels: Labels, amount = 1): void {
    const entry = this.entry(labels);
    if (entry) entry.value += amount;
  }

  set(labels: Labels, value: number): void {
    const entry = this.entry(labels);
    if (entry) entry.value = value;
  }

  /** Label values that are gone make room for others. */
  forget(gone: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.values) if (gone(labels)) this.values.delete(key);
  }

  family(): Family {
    return { ...this.about, samples: [...this.values.values()] };
  }

  private entry(labels: Labels): { labels: Labels; value: number } | undefined {
    const key = JSON.stringify(labels);
    const known = this.values.get(key);
    if (known || this.values.size >= this.limit) return known;
    const made = { labels, value: 0 };
    this.values.set(key, made);
    return made;
  }
}

/** Counts per bucket, cumulated when read. `bounds` ascending, in the unit of the name. */
export class Histogram {
  private readonly rows = new Map<string, { labels: Labels; counts: number[]; sum: number }>();

  constructor(
    private readonly about: Pick<Family, "name" | "help">,
    private readonly bounds: readonly number[],
    private readonly limit = 1000,
  ) {}

  observe(labels: Labels, value: number): void {
    const key = JSON.stringify(labels);
    let row = this.rows.get(key);
    if (!row) {
      if (this.rows.size >= this.limit) return;
      row = { labels, counts: Array.from({ length: this.bounds.length + 1 }, () => 0), sum: 0 };
      this.rows.set(key, row);
    }
    const at = this.bounds.findIndex((bound) => value <= bound);
    const bucket = at === -1 ? this.bounds.length : at;
    row.counts[bucket] = (row.counts[bucket] ?? 0) + 1;
    row.sum += value;
  }

  forget(gone: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.rows) if (gone(labels)) this.rows.delete(key);
  }

  family(): Family {
    return { ...this.about, type: "histogram", samples: [...this.rows.values()].flatMap((row) => this.samplesOf(row)) };
  }

  private samplesOf({ labels, counts, sum }: { labels: Labels; counts: number[]; sum: number }): Family["samples"][number][] {
    let total = 0;
    const buckets = counts.map((count, at) => {
      total += count;
      const bound = this.bounds[at];
      return { suffix: "_bucket", labels: { ...labels, le: bound === undefined ? "+Inf" : String(bound) }, value: total };
    });
    return [...buckets, { suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: total }];
  }
}

export function renderMetrics(families: Iterable<Family>): string {
  let text = "";
  for (const { name, help, type, samples } of families) {
    text += `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
    for (const { suffix = "", labels, value } of samples) text += `${name}${suffix}${labelText(labels)} ${value}\n`;
  }
  return text;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
