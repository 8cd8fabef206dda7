import { selfCommand, withoutMarks } from "../kernel/self.ts";

/**
 * A shell that reads from this process until it is gone, however it died, and then starts `orco worker-sweep`, which ends the steps that it left.
 * It has a session of its own: what is sent to the worker's group does not reach it.
 */
export function startGuard(home: string, env: Readonly<Record<string, string | undefined>>): () => void {
  const sweep = [...selfCommand("worker-sweep"), "--home", home];
  const guard = Bun.spawn(["/bin/sh", "-c", 'trap "" HUP INT TERM; cat >/dev/null; exec "$@"', "orco-guard", ...sweep], {
    env: withoutMarks(env),
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  guard.unref();
  return () => guard.kill("SIGKILL");
}
