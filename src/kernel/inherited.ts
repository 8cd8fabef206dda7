/** What a child gets of the environment of whoever applied a stack, or of the daemon for an app; nothing else is passed on (stack.md, Schema). */
export const INHERITED: readonly string[] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/** Those of them that are set. */
export function inherited(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
