import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/** No zod here: the CLI resolves these on every command, and zod alone would cost it more than the command does. */

type Env = Readonly<Record<string, string | undefined>>;

/** `$ORCO_HOME`, made absolute; else `/var/lib/orco` for root; else `$XDG_STATE_HOME/orco` (default `~/.local/state/orco`). */
export function orcoHome(env: Env, uid: number | undefined = process.getuid?.()): string {
  const chosen = env["ORCO_HOME"]?.trim();
  if (chosen) return resolve(chosen);
  if (uid === 0) return "/var/lib/orco";
  const state = env["XDG_STATE_HOME"];
  // The XDG specification tells readers to ignore a relative path.
  if (state && isAbsolute(state)) return join(state, "orco");
  return join(env["HOME"] || homedir(), ".local", "state", "orco");
}

/** The API socket of the daemon that holds `home`. */
export function socketPath(home: string): string {
  return join(home, "orco.sock");
}
