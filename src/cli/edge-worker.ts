import { countOf, textOption, type Context } from "./context.ts";
import { usageError } from "./exit.ts";

const MIB = 2 ** 20;
/** Far above what a worker needs; one that leaks is replaced before the machine feels it. */
const DEFAULT_MEMORY_MIB = 512;

/** A worker of the edge. The daemon starts it; people do not. */
export async function edgeWorker({ options }: Context): Promise<never> {
  const { runWorker } = await import("../edge/worker-process.ts");
  const folder = textOption(options, "folder");
  if (folder === undefined) throw usageError("edge-worker takes --folder; the daemon starts it when there is a route to serve");
  await runWorker({
    folder,
    number: countOf(textOption(options, "number") ?? "0", "--number"),
    workers: countOf(textOption(options, "workers") ?? "1", "--workers", { min: 1, max: 1024 }),
    build: textOption(options, "build") ?? "",
    memoryBytes: countOf(textOption(options, "memory") ?? String(DEFAULT_MEMORY_MIB), "--memory", { min: 1 }) * MIB,
  });
  // It exits by itself, when its table holds no front or it has been replaced.
  return new Promise<never>(() => undefined);
}
