import { clockTime } from "../terminal/clock-time.ts";
import { colorOf } from "../terminal/log-line.ts";
import { fit } from "../terminal/sanitize.ts";
import type { Layout } from "./layout.ts";
import { rowsInSight, type Row } from "./log-pane.ts";
import type { Paint, Tint } from "./paint.ts";
import { servicesOf, type State } from "./state.ts";

/** Names longer than this are not waited for by the others. */
const MOST_NAME = 24;
/** With fewer columns left for the text, the time goes. */
const LEAST_TEXT = 30;
/** With fewer columns than this there is the text alone. */
const LEAST_COLUMNS = 12;
const TIME_WIDTH = "HH:MM:SS ".length;
const SEPARATOR = " | ";

/** `HH:MM:SS api/0 | message`, the names in a column. */
export function logLines(state: State, height: number, paint: Paint): string[] {
  const { rows } = rowsInSight(state.logs, height);
  const { columns } = state.size;
  if (columns < LEAST_COLUMNS) return rows.map((row) => paint(tintOf(row), fit(row.text, columns)));
  const nameWidth = Math.min(Math.floor(columns / 3), MOST_NAME, nameColumn(state));
  const timed = columns - nameWidth - SEPARATOR.length - TIME_WIDTH >= LEAST_TEXT;
  const textWidth = columns - nameWidth - SEPARATOR.length - (timed ? TIME_WIDTH : 0);
  return rows.map((row) => {
    const name = paint.color(colorOf(row.service), fit(whoOf(row), nameWidth).padEnd(nameWidth));
    const time = timed ? paint("dim", clockTime(row.timestamp)) + " " : "";
    return time + name + SEPARATOR + paint(tintOf(row), fit(row.text, textWidth));
  });
}

/** All names count, not only those in sight: the column stays where it is. Some have said something and are no service (orco itself), or no longer one. */
function nameColumn(state: State): number {
  const { focus, shown } = state.logs;
  const services = servicesOf(state).filter(({ service }) => focus === undefined || service === focus);
  let width = Math.max(4, ...services.map(({ service, replicas }) => `${service}/${Math.max(0, replicas.desired - 1)}`.length));
  for (const { service, replica } of shown) width = Math.max(width, service.length + 1 + (replica < 10 ? 1 : String(replica).length));
  return width;
}

function whoOf({ service, replica }: Row): string {
  return `${service}/${replica}`;
}

function tintOf({ source, level }: Row): Tint {
  if (source === "orco") return "dim";
  if (level === "error" || level === "fatal") return "error";
  return level === "warn" ? "warn" : "plain";
}

/** The line between the panes: what the log shows, and whether it follows. */
export function divider(state: State, layout: Layout, paint: Paint): string {
  const { logs, size, top, pane } = state;
  const { newer } = rowsInSight(logs, layout.logs);
  const count = servicesOf(state).length;
  const parts = [
    `logs of ${logs.focus ?? "all"}`,
    logs.bottom === undefined ? "following" : `paused, ${newer} newer (f: follow)`,
    ...(logs.level === "all" ? [] : [`level ${logs.level}`]),
    ...(logs.filter ? [`/${logs.filter.pattern}/`] : []),
    ...(count > layout.services ? [`services ${top + 1}-${top + layout.services} of ${count}`] : []),
  ];
  const text = fit(`── ${parts.join(" ── ")} `, size.columns);
  return paint(pane === "logs" ? "selected" : "header", text + "─".repeat(Math.max(0, size.columns - Bun.stringWidth(text))));
}
