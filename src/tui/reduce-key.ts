import { compileFilter, nextLevel } from "./filter.ts";
import { layoutOf } from "./layout.ts";
import { scrollBy, select, type LogPane } from "./log-pane.ts";
import { overlayText } from "./overlay.ts";
import { selectedIndex, servicesOf, type Overlay, type Prompt, type State } from "./state.ts";

/** Every character of it looks through the whole log: a page that is pasted must not take minutes. */
const MAX_PATTERN = 200;

/** What a key changes on the screen; what it makes orco do is `commandOf`'s. */
export function pressed(state: State, key: string): State {
  if (state.prompt) return typed(state, state.prompt, key);
  const by = move(key, state);
  if (by !== undefined) return moved(state, by);
  if (state.overlay) return overOverlay(state, state.overlay, key);
  const { logs } = state;
  switch (key) {
    case "tab":
      return { ...state, pane: state.pane === "table" && layoutOf(state).logs > 0 ? "logs" : "table" };
    case "enter":
      return { ...state, logs: focused(state) };
    case "esc":
      return { ...state, message: undefined, logs: following(select({ ...logs, filter: undefined, focus: undefined })) };
    case "/":
      return { ...state, prompt: { text: "", error: undefined, before: logs.filter } };
    case "l":
      return { ...state, logs: select({ ...logs, level: nextLevel(logs.level) }) };
    case "f":
      return { ...state, logs: following(logs) };
    case "?":
      return { ...state, overlay: { top: 0 } };
    default:
      return state;
  }
}

function overOverlay(state: State, { graph }: Overlay, key: string): State {
  if (key === "esc" || key === "enter" || key === (graph ? "g" : "?")) return { ...state, overlay: undefined };
  return key === "?" ? { ...state, overlay: { top: 0 } } : state;
}

/** Rows to go; undefined for other keys. */
function move(key: string, state: State): number | undefined {
  const page = Math.max(1, pageOf(state) - 1);
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pgup: -page,
    pgdn: page,
    home: -Infinity,
    end: Infinity,
  };
  return Object.hasOwn(steps, key) ? steps[key] : undefined;
}

function pageOf(state: State): number {
  const layout = layoutOf(state);
  if (state.overlay) return layout.overlay - 1;
  return state.pane === "logs" ? layout.logs : layout.services;
}

function moved(state: State, by: number): State {
  const { overlay } = state;
  if (overlay) {
    const last = Math.max(0, overlayText(state, overlay).length - pageOf(state));
    return { ...state, overlay: { ...overlay, top: within(overlay.top + by, last) } };
  }
  if (state.pane === "logs")
    return { ...state, logs: by === Infinity ? following(state.logs) : scrollBy(state.logs, by, layoutOf(state).logs) };
  const services = servicesOf(state);
  return { ...state, selected: services[within(selectedIndex(state) + by, services.length - 1)]?.service };
}

function within(index: number, last: number): number {
  return Math.max(0, Math.min(last, index));
}

function following(logs: LogPane): LogPane {
  return { ...logs, bottom: undefined };
}

/** The logs of the selected service alone; once more, or in the log pane, of all again. */
function focused({ logs, selected, pane }: State): LogPane {
  const leaves = logs.focus !== undefined && (pane === "logs" || logs.focus === selected);
  return following(select({ ...logs, focus: leaves ? undefined : selected }));
}

function typed(state: State, prompt: Prompt, key: string): State {
  switch (key) {
    case "enter":
      return prompt.error === undefined ? { ...state, prompt: undefined } : state;
    case "esc":
      return { ...state, prompt: undefined, logs: select({ ...state.logs, filter: prompt.before }) };
    case "backspace":
      return prompt.text === "" ? typed(state, prompt, "esc") : edited(state, prompt, prompt.text.replace(/[^]$/u, ""));
    case "ctrl-u":
      return edited(state, prompt, "");
    default:
      return isText(key) && prompt.text.length < MAX_PATTERN ? edited(state, prompt, prompt.text + key) : state;
  }
}

/** Keys that print have one character; the others have names. */
function isText(key: string): boolean {
  return /^[^]$/u.test(key);
}

/** What is shown follows the typing; a pattern that is none yet leaves it as it was. */
function edited(state: State, prompt: Prompt, text: string): State {
  const compiled = compileFilter(text);
  if ("error" in compiled) return { ...state, prompt: { ...prompt, text, error: compiled.error } };
  return {
    ...state,
    prompt: { ...prompt, text, error: undefined },
    logs: following(select({ ...state.logs, filter: compiled.filter })),
  };
}
