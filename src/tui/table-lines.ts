import type { ServiceView } from "../stack/view.ts";
import { fit } from "../terminal/sanitize.ts";
import { statusTable } from "../terminal/table.ts";
import type { Layout } from "./layout.ts";
import type { Paint, Tint } from "./paint.ts";
import { selectedIndex, servicesOf, type State } from "./state.ts";

/** The table of `orco status`, as much of it as is in sight. Columns are as wide as all services need, so that scrolling moves none. */
export function tableLines(state: State, layout: Layout, paint: Paint): string[] {
  const { size, view, top, stack } = state;
  const services = servicesOf(state);
  if (!view || services.length === 0) return [fit(view ? `${stack} has no services` : `waiting for ${stack}`, size.columns)];
  const [header = "", ...lines] = statusTable(view, { columns: size.columns }).split("\n");
  const selected = selectedIndex(state);
  const rows = lines.slice(top, top + layout.services).map((line, at) => {
    const service = services[top + at];
    const text = fit(line, size.columns);
    if (top + at !== selected) return paint(service ? tintOf(service) : "plain", text);
    return paint(state.pane === "table" ? "selected" : "marked", padded(text, size.columns));
  });
  return layout.header ? [paint("header", fit(header, size.columns)), ...rows] : rows;
}

/** What needs attention has a colour; most of a table has none. */
function tintOf({ state, ready, degraded }: ServiceView): Tint {
  if (state === "Failed") return "error";
  if (state === "Stopped") return "dim";
  return ready && degraded === undefined ? "plain" : "warn";
}

function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - Bun.stringWidth(text)));
}
