import { join } from "node:path";

/** What an instance carries in its environment. A program of ours that is started from within a service must not: it would be swept away with it. */
const MARKS: ReadonlySet<string> = new Set(["ORCO_INSTANCE", "ORCO_STACK", "ORCO_SERVICE", "ORCO_REPLICA", "ORCO_SECRETS_DIR"]);

type Env = Readonly<Record<string, string | undefined>>;

/** How this very program is started again with a command: from source, or as the compiled binary that carries it. `source`: a folder beside main.ts. */
export function selfCommand(command: string, source: string = import.meta.dirname): string[] {
  if (source.startsWith("/$bunfs/")) return [process.execPath, command];
  return [process.execPath, "--no-env-file", "--config=/dev/null", "--no-install", join(source, "..", "main.ts"), command];
}

/** The environment that a program of ours is started with when it is to outlive whoever starts it. */
export function withoutMarks(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !MARKS.has(name)));
}
