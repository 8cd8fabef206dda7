import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { ProcessRuntime } from "../supervise/runtimes/process.ts";

const INSTANCES = "instances";

/** Ends the processes that a former worker of this home left when it died, and removes its files. Resolves with how many ran. */
export async function removeLeftovers(home: string, clock: Clock): Promise<number> {
  const runs = join(home, "runs");
  const runtime = new ProcessRuntime({ home: runs, clock });
  const found = await Promise.all(
    runtime.instances().map(async (instance) => {
      const adopted = await runtime.adopt(instance);
      if (adopted.kind === "running") await adopted.handle.stop({ signal: "SIGKILL", timeoutMs: 0 });
      await runtime.forget(instance);
      return adopted.kind === "running";
    }),
  );
  runtime.close();
  for (const run of namesIn(runs)) if (run !== INSTANCES) rmSync(join(runs, run), { recursive: true, force: true });
  return found.filter(Boolean).length;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
