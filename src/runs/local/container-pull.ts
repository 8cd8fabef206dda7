import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { type PullProgress, pullImage } from "../../supervise/docker/images.ts";
import type { StepOutput } from "../ports.ts";

/** Each progress may become an event. */
const TELL_EVERY_MS = 1000;
const PULL_TIMEOUT_MS = 3_600_000;

/** Pulls an image that is missing, and says how far it is. */
export async function pullFor(
  image: string,
  output: Pick<StepOutput, "log" | "progress">,
  { engine, clock, signal }: { engine: Engine; clock: Clock; signal: AbortSignal },
): Promise<void> {
  const began = clock.monotonic();
  const layers = new Map<string, { readonly current: number; readonly total: number }>();
  const say = (message: string): void => output.log({ at: clock.now(), source: "orco", level: "info", message });
  let toldAt = -Infinity;
  say(`${image} is not on this machine: pulling it`);
  const onProgress = (progress: PullProgress): void => {
    note(layers, progress);
    if (clock.monotonic() - toldAt < TELL_EVERY_MS) return;
    toldAt = clock.monotonic();
    output.progress({ percent: percentOf(layers), message: `pulling ${image}` });
  };
  await pullImage(engine, image, { onProgress, signal, timeoutMs: PULL_TIMEOUT_MS });
  say(`pulled ${image} in ${formatSpan(clock.monotonic() - began)}`);
}

type Layers = Map<string, { readonly current: number; readonly total: number }>;

function note(layers: Layers, { id, status, progressDetail }: PullProgress): void {
  const { current, total } = progressDetail ?? {};
  if (id !== undefined && status === "Downloading" && current !== undefined && total !== undefined) layers.set(id, { current, total });
  const known = id === undefined ? undefined : layers.get(id);
  if (id !== undefined && known && status === "Download complete") layers.set(id, { current: known.total, total: known.total });
}

/** Of the bytes that are known to be needed; layers that have not begun are not among them. */
export function percentOf(layers: ReadonlyMap<string, { readonly current: number; readonly total: number }>): number {
  let [current, total] = [0, 0];
  for (const layer of layers.values()) {
    current += layer.current;
    total += layer.total;
  }
  return total === 0 ? 0 : Math.round((current / total) * 100);
}
