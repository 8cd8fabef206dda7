import { addRecords } from "./log-pane.ts";
import { layoutOf } from "./layout.ts";
import { pressed } from "./reduce-key.ts";
import { selectedIndex, servicesOf, type Event, type State } from "./state.ts";

const MESSAGE_MS = { info: 5000, error: 15_000 } as const;

/** The screen after something has happened. */
export function reduce(state: State, event: Event): State {
  return inSight(after(state, event), state);
}

function after(state: State, event: Event): State {
  switch (event.type) {
    case "view":
      return { ...state, view: event.view, trouble: undefined };
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
      return { ...state, asked: asking(state.asked, event) };
    case "tick":
      return state.message && state.message.untilMs <= event.nowMs ? { ...state, message: undefined } : state;
  }
}

function asking(asked: State["asked"], { service, replicas }: { service: string; replicas: number | undefined }): State["asked"] {
  const { [service]: _, ...others } = asked;
  return replicas === undefined ? others : { ...others, [service]: replicas };
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
