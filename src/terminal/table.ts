import { formatDuration } from "../kernel/duration.ts";
import type { ServiceView, StackView } from "../stack/view.ts";
import { fit, oneLine } from "./sanitize.ts";

export interface TableOptions {
  /** Adds CPU and MEM. */
  readonly wide?: boolean;
  /** Width of the terminal: MESSAGE is cut, then columns go from the right, READY at last. Absent: nothing is cut. */
  readonly columns?: number;
}

const GAP = "  ";
/** Of a MESSAGE that is cut, this much is still worth its column. */
const LEAST_MESSAGE = 8;
/** SERVICE and STATE: what is left on the narrowest terminal. */
const LEAST_COLUMNS = 2;
const HEADER = ["SERVICE", "STATE", "READY", "REPL", "RESTARTS", "AGE"];

/** The status table (stack.md, CLI): columns padded to their widest cell, two spaces between, MESSAGE last and unpadded. */
export function statusTable(view: StackView, options: TableOptions = {}): string {
  const header = [...HEADER, ...(options.wide ? ["CPU", "MEM"] : []), "MESSAGE"];
  const rows = view.services.map((service) => cellsOf(service, options.wide ?? false));
  return alignRows(narrowed([header, ...rows], options.columns ?? Infinity), options.columns);
}

function narrowed(rows: readonly (readonly string[])[], columns: number): readonly (readonly string[])[] {
  const count = rows[0]?.length ?? 0;
  const widths = Array.from({ length: count }, (_, at) => Math.max(...rows.map((row) => Bun.stringWidth(row[at] ?? ""))));
  const last = widths.length - 1;
  const needed = (kept: number): number =>
    widths.slice(0, kept).reduce((sum, width, at) => sum + (at === last ? Math.min(width, LEAST_MESSAGE) : width), GAP.length * (kept - 1));
  let kept = count;
  while (kept > LEAST_COLUMNS && needed(kept) > columns) kept--;
  return rows.map((row) => row.slice(0, kept));
}

/** Rows of equal length as aligned lines. The last column is cut to what `columns` leaves, never below 8. */
export function alignRows(rows: readonly (readonly string[])[], columns?: number): string {
  const padded = (rows[0] ?? []).slice(0, -1).map((_, at) => Math.max(...rows.map((row) => Bun.stringWidth(row[at] ?? ""))));
  const taken = padded.reduce((sum, width) => sum + width + GAP.length, 0);
  return rows
    .map((row) => {
      const cells = padded.map((width, at) => padEnd(row[at] ?? "", width) + GAP);
      const last = row.at(-1) ?? "";
      return (cells.join("") + (columns === undefined ? last : fit(last, Math.max(LEAST_MESSAGE, columns - taken)))).trimEnd();
    })
    .join("\n");
}

function cellsOf(service: ServiceView, wide: boolean): string[] {
  const { live, desired } = service.replicas;
  const usage = wide ? [cpuOf(service), memoryOf(service)] : [];
  return [
    service.service,
    service.state,
    String(service.ready),
    `${live}/${desired}`,
    String(service.restarts),
    formatDuration(service.age_ms),
    ...usage,
    messageOf(service),
  ];
}

function messageOf(service: ServiceView): string {
  const parts = [];
  if (service.update) parts.push(updateText(service.update));
  if (service.degraded && !service.message.includes(service.degraded)) parts.push(`degraded: ${service.degraded}`);
  if (service.message) parts.push(service.message);
  return oneLine(parts.join("; "));
}

function updateText({ strategy, phase }: NonNullable<ServiceView["update"]>): string {
  return strategy === phase ? `${strategy} under way` : `${strategy}: ${phase}`;
}

function cpuOf(service: ServiceView): string {
  const known = service.instances.flatMap((one) => (one.cpu_percent === undefined ? [] : [one.cpu_percent]));
  return known.length === 0 ? "-" : `${known.reduce((sum, one) => sum + one, 0).toFixed(1)}%`;
}

function memoryOf(service: ServiceView): string {
  const known = service.instances.flatMap((one) => (one.memory_bytes === undefined ? [] : [one.memory_bytes]));
  return known.length === 0 ? "-" : formatBytes(known.reduce((sum, one) => sum + one, 0));
}

/** Binary units as `resources.memory` takes them: `512Ki`, `45Mi`, `1.5Gi`. */
export function formatBytes(bytes: number): string {
  const units = ["", "Ki", "Mi", "Gi", "Ti"];
  let value = bytes;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${at > 2 ? Number(value.toFixed(1)) : Math.round(value)}${units[at]}`;
}

function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
}
