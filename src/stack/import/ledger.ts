import { formatPath, type Path } from "../load/source.ts";

export type Action = "carried" | "changed" | "dropped";

/** What became of one key of the source; it speaks for everything below its path. */
export interface ReportLine {
  /** Of the source, after anchors, includes, `extends` and override files. */
  readonly path: string;
  readonly value: unknown;
  readonly action: Action;
  /** Path in stack.yaml. */
  readonly to?: string;
  readonly reason: string;
}

export interface Kept {
  readonly at: Path;
  readonly value: unknown;
  readonly action: Action;
  readonly to?: Path;
  readonly reasons: readonly string[];
  /** Carried as it is, and yet somebody should look at it. */
  readonly notable: boolean;
}

const WEIGHT: Readonly<Record<Action, number>> = { carried: 0, changed: 1, dropped: 2 };

/** Every key of the source and what became of it. */
export class Ledger {
  private readonly kept = new Map<string, Kept>();

  /** A path told twice keeps the heavier action, and both reasons. */
  add(line: Kept): void {
    const key = formatPath(line.at);
    const earlier = this.kept.get(key);
    this.kept.set(key, earlier ? together(earlier, line) : line);
  }

  /** Something worth a look at a line that is carried; nothing happens where there is none. */
  note(at: Path, reason: string): void {
    const line = this.kept.get(formatPath(at));
    if (line) this.add({ ...line, reasons: [reason], notable: true });
  }

  has(at: Path): boolean {
    return this.kept.has(formatPath(at));
  }

  /** The line of that very path. */
  of(at: Path): Kept | undefined {
    return this.kept.get(formatPath(at));
  }

  all(): Kept[] {
    return [...this.kept.values()];
  }
}

function together(earlier: Kept, later: Kept): Kept {
  const heavier = WEIGHT[later.action] >= WEIGHT[earlier.action] ? later : earlier;
  const reasons = [...new Set([...earlier.reasons, ...later.reasons])].filter((reason) => reason !== AS_IT_IS);
  const to = later.to ?? earlier.to;
  return { ...heavier, ...(to && { to }), reasons, notable: earlier.notable || later.notable };
}

export const AS_IT_IS = "means the same";

export function reportLine({ at, value, action, to, reasons }: Kept): ReportLine {
  return { path: formatPath(at), value, action, ...(to && { to: formatPath(to) }), reason: reasons.join("; ") };
}
