import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";

export type Cell = string | number | undefined;

/** A figure of quality.md. `value` undefined: it could not be measured in this run. */
export interface Target {
  readonly claim: string;
  readonly value: number | undefined;
  readonly limit: number;
  readonly unit: string;
  /** Whether the value must stay at or under the limit, or at or over it. */
  readonly must: "<=" | ">=";
}

/** What a bench hands back: printed as a table, and written whole to `bench/results/<name>.json`. */
export interface Report {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly targets?: readonly Target[];
  /** What is counted, what is missing and why: printed under the table. */
  readonly notes?: readonly string[];
  /** Versions of the peers of this run; a missing peer has its reason here. */
  readonly peers?: Readonly<Record<string, string>>;
  /** Raw rounds. */
  readonly raw?: unknown;
}

export interface BenchOptions {
  readonly rounds?: number;
  /** Names of peers (and `orco`) to run; all by default. */
  readonly only?: readonly string[];
}

export type Bench = (options?: BenchOptions) => Promise<Report | undefined | void>;

export function verdict(target: Target): "met" | "missed" | "not measured" {
  if (target.value === undefined || Number.isNaN(target.value)) return "not measured";
  const met = target.must === "<=" ? target.value <= target.limit : target.value >= target.limit;
  return met ? "met" : "missed";
}

export function render(report: Report): string {
  const lines = [report.title, "", ...grid([report.columns, ...report.rows])];
  for (const target of report.targets ?? []) {
    const value = target.value === undefined ? "–" : figure(target.value);
    lines.push(`target  ${target.claim}: ${value} ${target.unit} (${target.must} ${target.limit})  ${verdict(target)}`);
  }
  for (const [name, version] of Object.entries(report.peers ?? {})) lines.push(`peer    ${name}: ${version}`);
  for (const note of report.notes ?? []) lines.push(`note    ${note}`);
  return `${lines.join("\n")}\n`;
}

function grid(rows: readonly (readonly Cell[])[]): string[] {
  const text = rows.map((row) => row.map((cell) => (typeof cell === "number" ? figure(cell) : (cell ?? "–"))));
  const widths = (text[0] ?? []).map((_, i) => Math.max(...text.map((row) => row[i]?.length ?? 0)));
  const line = (row: string[]) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return [...text.map((row) => line(row).trimEnd()), ""];
}

/** Three significant digits, never in exponents. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return Number(value.toPrecision(3)).toString();
}

export function machine(): Record<string, unknown> {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    bun: Bun.version,
    loadAtStart: loadavg().map((load) => Number(load.toFixed(2))),
    busy: "other work may run on this machine: only ratios within one run count",
  };
}

export function write(name: string, facts: Record<string, unknown>): string {
  const folder = join(import.meta.dir, "results");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(facts, undefined, 1)}\n`);
  return file;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const high = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[sorted.length / 2 - 1] ?? Number.NaN)) / 2;
}

export function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value / base;
}
