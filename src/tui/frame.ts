import { fit, oneLine } from "../terminal/sanitize.ts";
import { layoutOf } from "./layout.ts";
import { divider, logLines } from "./log-lines.ts";
import { overlayText, overlayTitle } from "./overlay.ts";
import type { Paint } from "./paint.ts";
import { tableLines } from "./table-lines.ts";
import type { Overlay, State } from "./state.ts";

/** The screen: exactly `size.rows` lines, none wider than `size.columns`, clean but for the attributes of `paint`. */
export function frame(state: State, paint: Paint): string[] {
  const { rows } = state.size;
  const layout = layoutOf(state);
  const body = state.overlay ? overlayLines(state, state.overlay, paint) : panes(state, paint);
  const lines = layout.footer ? [...filled(body, rows - 1), footer(state, paint)] : body;
  return filled(lines, rows);
}

function panes(state: State, paint: Paint): string[] {
  const layout = layoutOf(state);
  return [
    ...tableLines(state, layout, paint),
    ...(layout.divider ? [divider(state, layout, paint), ...logLines(state, layout.logs, paint)] : []),
  ];
}

function filled(lines: readonly string[], rows: number): string[] {
  return Array.from({ length: rows }, (_, at) => lines[at] ?? "");
}

function overlayLines(state: State, overlay: Overlay, paint: Paint): string[] {
  const { columns } = state.size;
  const title = paint("header", fit(overlayTitle(state, overlay), columns));
  return [
    title,
    ...overlayText(state, overlay)
      .slice(overlay.top)
      .map((line) => fit(oneLine(line), columns)),
  ];
}

function footer(state: State, paint: Paint): string {
  const { columns } = state.size;
  const { prompt, message, phase, trouble } = state;
  if (prompt) return promptLine(prompt, columns, paint);
  if (phase !== undefined) return paint("warn", fit(oneLine(phase), columns));
  if (trouble !== undefined) return paint("error", fit(oneLine(trouble), columns));
  if (message) return paint(message.tone === "error" ? "error" : "plain", fit(oneLine(message.text), columns));
  return paint("dim", fit(hints(state), columns));
}

function promptLine({ text, error }: NonNullable<State["prompt"]>, columns: number, paint: Paint): string {
  const typed = fitEnd(oneLine(`/${text}`), columns - 1);
  const room = columns - 1 - Bun.stringWidth(typed);
  const why = error === undefined || room < 6 ? "" : fit(`  ${oneLine(error)}`, room);
  return typed + paint("selected", " ") + paint("error", why);
}

/** The end of a text that is too long: what is being typed is there. */
function fitEnd(text: string, columns: number): string {
  let end = text;
  while (Bun.stringWidth(end) > Math.max(0, columns)) end = end.replace(/^[^]/u, "");
  return end;
}

function hints({ owner }: State): string {
  const leave = owner ? "q detach  Ctrl-C down" : "q quit";
  return `${leave}  ? help  Tab pane  Enter logs  / filter  l level  f follow  r restart  s stop  p promote  a abort  +/- scale  g graph`;
}
