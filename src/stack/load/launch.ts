/**
 * Variables that are known only when an instance starts. Loading leaves each as NUL + name + NUL: no text of a stack can hold a NUL
 * (the parser refuses it, and so would exec), so an escaped `$${PORT}` can never be taken for one.
 */
export const LAUNCH_VARIABLES: readonly string[] = ["PORT", "ORCO_STACK", "ORCO_SERVICE", "ORCO_REPLICA", "ORCO_INSTANCE"];

// oxlint-disable-next-line no-control-regex -- the mark is a control character so that no text can hold it
const MARK = /\u0000([A-Z_]+)\u0000/g;

export function launchMark(name: string): string {
  return `\0${name}\0`;
}

export function hasLaunchMark(text: string): boolean {
  return text.includes("\0");
}

/** Puts in the values of one instance. A variable it does not have becomes empty. */
export function launchText(text: string, vars: Readonly<Record<string, string>>): string {
  if (!hasLaunchMark(text)) return text;
  return text.replace(MARK, (_, name: string) => (Object.hasOwn(vars, name) ? (vars[name] ?? "") : ""));
}

/** The text as a person wrote it, `${PORT}` and all: for plans and messages. */
export function shownText(text: string): string {
  return hasLaunchMark(text) ? text.replace(MARK, (_, name: string) => `\${${name}}`) : text;
}
