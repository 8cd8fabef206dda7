import type { Clock } from "../../kernel/clock.ts";
import type { PullProgress } from "./images.ts";

/** Each telling may become an event, and a line on somebody's screen. */
const TELL_EVERY_MS = 1000;

/** Takes the steps of a pull as they come; `tell` gets the percentage, at most once a second, the first at once. */
export function watchPull(clock: Clock, tell: (percent: number) => void): (progress: PullProgress) => void {
  const layers: Layers = new Map();
  let toldAt = -Infinity;
  return (progress) => {
    note(layers, progress);
    if (clock.monotonic() - toldAt < TELL_EVERY_MS) return;
    toldAt = clock.monotonic();
    tell(percentOf(layers));
  };
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
