/** What a terminal sends for keys that print nothing, without its leading ESC. */
const SEQUENCES: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  H: "home",
  F: "end",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "5~": "pgup",
  "6~": "pgdn",
  "200~": "paste-begin",
  "201~": "paste-end",
};
const CONTROLS: Readonly<Record<string, string>> = {
  "\x03": "ctrl-c",
  "\x08": "backspace",
  "\t": "tab",
  "\n": "enter",
  "\f": "ctrl-l",
  "\r": "enter",
  "\x15": "ctrl-u",
  "\x1a": "ctrl-z",
  "\x7f": "backspace",
};
/** One key: a whole sequence, an ESC by itself, or a character. The parameters of a modifier (`1;5A`) are passed over. */
const TOKEN = /\x1b\[(?<csi>[0-?]*[ -/]*[@-~])|\x1bO(?<ss3>[@-~])|\x1b|[^]/guy; // oxlint-disable-line no-control-regex -- that is what keys are made of
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|O)?$/; // oxlint-disable-line no-control-regex
/** A sequence longer than this is none that a terminal sends for a key. */
const MAX_UNFINISHED = 32;

export interface Read {
  /** `up`, `enter`, `ctrl-c`, …; a character stands for itself. */
  readonly keys: readonly string[];
  /** The beginning of a sequence whose end has not come yet; an Esc, when nothing comes. */
  readonly rest: string;
}

/** Reads what was typed. Sequences that mean nothing here are passed over whole. */
export function readKeys(text: string): Read {
  const unfinished = UNFINISHED.exec(text)?.[0] ?? "";
  const rest = unfinished.length > MAX_UNFINISHED ? "" : unfinished;
  return { keys: keysIn(text.slice(0, text.length - rest.length)), rest };
}

/** Nothing more came: an ESC was the key. */
export function flushKeys(rest: string): readonly string[] {
  return rest === "\x1b" ? ["esc"] : keysIn(rest);
}

function keysIn(text: string): string[] {
  return [...text.matchAll(TOKEN)].flatMap(({ 0: token, groups }) => {
    const sequence = groups?.["csi"] ?? groups?.["ss3"];
    const key = sequence === undefined ? plainKey(token) : SEQUENCES[sequence.replace(/^1?(?:;\d+)?(?=[A-Z])|;\d+(?=~)/, "")];
    return key === undefined ? [] : [key];
  });
}

function plainKey(token: string): string | undefined {
  if (token === "\x1b") return "esc";
  return CONTROLS[token] ?? (/\p{Cc}/u.test(token) ? undefined : token);
}
