import type { StackView } from "../stack/view.ts";
import { addRecords } from "./log-pane.ts";
import { layoutOf } from "./layout.ts";
import { pressed } from "./reduce-key.ts";
import { selectedIndex, servicesOf, type Event, type State } from "./state.ts";

/** A number that is another then was asked for by somebody else. */
const MOST_STALE_VIEWS = 2;
const MESSAGE_MS = { info: 5000, error: 15_000 } as const;

/** The screen after something has happened. */
export function reduce(state: State, event: Event): State {
  return inSight(after(state, event), state);
}

function after(state: State, event: Event): State {
  switch (event.type) {
    case "view":
      return { ...state, view: event.view, trouble: undefined, asked: stillAsked(state.asked, event.view) };
    case "trouble":
      return { ...state, trouble: event.trouble };
    case "records":
      return { ...state, logs: addRecords(state.logs, event.records, event) };
    case "key":
      return pressed(state, event.key);
    case "size":
      return { ...state, size: event.size };
    case "graph":
      return { ...state, overlay: { graph: event.graph, top: 0 } };
    case "said":
      return { ...state, message: { text: event.text, tone: event.tone, untilMs: event.nowMs + MESSAGE_MS[event.tone] } };
    case "phase":
      return { ...state, phase: event.phase };
    case "asked":
      return { ...state, asked: { ...state.asked, [event.service]: { replicas: event.replicas } } };
    case "answered":
      return { ...state, asked: answered(state.asked, event) };
    case "tick":
      return state.message && state.message.untilMs <= event.nowMs ? { ...state, message: undefined } : state;
  }
}

/** Of what was done, the view will tell; of what was not, nothing is to be expected. */
function answered(asked: State["asked"], { service, done }: { service: string; done: boolean }): State["asked"] {
  const { [service]: found, ...others } = asked;
  return found && done ? { ...others, [service]: { ...found, views: 0 } } : others;
}

function stillAsked(asked: State["asked"], { services }: StackView): State["asked"] {
  const entries = Object.entries(asked).flatMap(([name, { replicas, views }]) => {
    if (views === undefined) return [[name, { replicas }] as const];
    const shown = services.find(({ service }) => service === name)?.replicas.desired;
    return shown === replicas || views >= MOST_STALE_VIEWS ? [] : [[name, { replicas, views: views + 1 }] as const];
  });
  return Object.fromEntries(entries);
}

/** Something is selected whenever there is something, and it is in sight. A service that went away leaves its place to the one behind it. */
function inSight(state: State, before: State): State {
  const services = servicesOf(state);
  const last = services.length - 1;
  const there = selectedIndex(state);
  const index = there >= 0 ? there : Math.min(Math.max(0, selectedIndex(before)), last);
  const height = Math.max(1, layoutOf(state).services);
  const top = Math.max(0, Math.min(Math.max(state.top, index - height + 1), index, last - height + 1));
  const selected = services[index]?.service;
  return selected === state.selected && top === state.top ? state : { ...state, selected, top };
}
