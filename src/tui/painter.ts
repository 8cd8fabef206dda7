import { draw } from "./draw.ts";
import type { Size } from "./state.ts";

export interface PainterPorts {
  readonly frame: () => readonly string[];
  readonly size: () => Size;
  readonly write: (text: string) => Promise<void>;
}

/** Between two frames: 15 a second at most, however fast things change. */
const FRAME_MS = 66;

/** Draws what has changed, at a bounded pace, never while the terminal still takes the last frame. */
export class Painter {
  private drawn: readonly string[] | undefined;
  private timer: Timer | undefined;
  private busy = false;
  private lastMs = -Infinity;
  private wanted = false;
  private stopped = false;

  constructor(private readonly ports: PainterPorts) {}

  /** Something may look different now. */
  invalidate(): void {
    this.wanted = true;
    if (this.timer !== undefined || this.busy || this.stopped) return;
    this.timer = setTimeout(() => void this.paint(), Math.max(0, this.lastMs + FRAME_MS - performance.now()));
  }

  /** Draws everything anew: the screen is another, or was written to by somebody else. */
  repaint(): void {
    this.drawn = undefined;
    this.invalidate();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async paint(): Promise<void> {
    this.timer = undefined;
    this.wanted = false;
    this.busy = true;
    this.lastMs = performance.now();
    const next = this.ports.frame();
    const text = draw(this.drawn, next, this.ports.size());
    this.drawn = next;
    if (text !== "") await this.ports.write(text);
    this.busy = false;
    if (this.wanted) this.invalidate();
  }
}
