import { servicesOf, type State } from "./state.ts";

export interface Layout {
  /** The line with the names of the columns. */
  readonly header: boolean;
  /** Services in sight. */
  readonly services: number;
  /** The line between the panes. */
  readonly divider: boolean;
  readonly logs: number;
  /** Messages, the prompt, the keys. */
  readonly footer: boolean;
  /** Lines of help or graph: everything above the footer. */
  readonly overlay: number;
}

/** With fewer rows than this the table has all of them. */
const LEAST_ROWS_FOR_LOGS = 7;

/** Who gets how many rows: the table what it needs, up to half of the screen. Together they are `size.rows`. */
export function layoutOf(state: Pick<State, "size" | "view">): Layout {
  const { rows } = state.size;
  const footer = rows >= 2;
  const header = rows >= 3;
  const body = rows - Number(footer);
  const wanted = Math.max(1, servicesOf(state as State).length);
  const divider = rows >= LEAST_ROWS_FOR_LOGS;
  const most = divider ? Math.floor(body / 2) : body;
  const services = Math.max(0, Math.min(divider ? wanted : most, most - Number(header)));
  return { header, services, divider, footer, overlay: body, logs: divider ? body - services - Number(header) - 1 : 0 };
}
