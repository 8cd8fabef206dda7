import { OrcoError, type Facts } from "./errors.ts";

type EventsOf<Table> = { [State in keyof Table]: keyof Table[State] & string }[keyof Table];

export interface Machine<State extends string, Event extends string> {
  readonly states: readonly State[];
  /** The state after `event`. `internal`: the event is illegal in `state`; facts: machine, state, event. */
  next(state: State, event: Event): State;
  can(state: State, event: Event): boolean;
  isFinal(state: State): boolean;
}

/**
 * A lifecycle as one table: for each state, the events it accepts and the state each leads to; a state without events is final.
 * Recovery folds the same `next` over the journal, so there is no second definition to drift. `internal` at once when a transition leads to a state that the table does not have.
 */
export function machine<const Table extends Readonly<Record<string, Readonly<Record<string, keyof Table & string>>>>>(
  table: Table,
  name = "machine",
): Machine<keyof Table & string, EventsOf<Table>> {
  type State = keyof Table & string;
  const rows = new Map<string, Map<string, State>>();
  for (const [state, row] of Object.entries<Readonly<Record<string, string>>>(table)) {
    const targets = new Map<string, State>();
    for (const [event, to] of Object.entries(row)) {
      if (!Object.hasOwn(table, to))
        throw illegal(`${name}: ${event} in ${state} leads to unknown state ${to}`, { machine: name, state, event });
      targets.set(event, to);
    }
    rows.set(state, targets);
  }
  return {
    states: Object.keys(table),
    next(state, event) {
      const to = rows.get(state)?.get(event);
      if (to === undefined) throw illegal(`${name}: ${event} is illegal in ${state}`, { machine: name, state, event });
      return to;
    },
    can: (state, event) => rows.get(state)?.has(event) ?? false,
    isFinal: (state) => (rows.get(state)?.size ?? 0) === 0,
  };
}

function illegal(message: string, facts: Facts): OrcoError {
  return new OrcoError("internal", message, facts);
}
