import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { ProcessRuntime } from "../supervise/runtimes/process.ts";

/** Ends the processes that a former worker of this home left when it died: their attempts are over. Resolves with how many ran. */
export async function killLeftovers(home: string, clock: Clock): Promise<number> {
  const runtime = new ProcessRuntime({ home: join(home, "runs"), clock });
  const found = await Promise.all(
    runtime.instances().map(async (instance) => {
      const adopted = await runtime.adopt(instance);
      if (adopted.kind === "running") await adopted.handle.stop({ signal: "SIGKILL", timeoutMs: 0 });
      await runtime.forget(instance);
      return adopted.kind === "running";
    }),
  );
  runtime.close();
  return found.filter(Boolean).length;
}
