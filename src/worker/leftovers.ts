import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { executionsOf, removeFiles } from "../runs/local/step-files.ts";
import { isPlainName, runFolder } from "../runs/run-folder.ts";
import { ProcessRuntime } from "../supervise/runtimes/process.ts";

const RUNS = "runs";

/** Ends the processes that a former worker of this home left when it died, and removes its files. Resolves with how many ran. */
export async function removeLeftovers(home: string, clock: Clock): Promise<number> {
  const runs = namesIn(join(home, RUNS)).filter(isPlainName);
  const folders = new Map(runs.flatMap((run) => executionsOf(home, run).map((name) => [name, join(runFolder(home, run), name)] as const)));
  const runtime = new ProcessRuntime({ home: join(home, RUNS), clock, folderOf: (name) => folders.get(name) ?? "" });
  const found = await Promise.all(
    [...folders.keys()].map(async (execution) => {
      const adopted = await runtime.adopt(execution);
      if (adopted.kind === "running") await adopted.handle.stop({ signal: "SIGKILL", timeoutMs: 0 });
      await runtime.forget(execution);
      return adopted.kind === "running";
    }),
  );
  runtime.close();
  for (const run of runs) removeFiles(home, run);
  return found.filter(Boolean).length;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
