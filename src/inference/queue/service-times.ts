import type { Lengths } from "./tally.ts";

/** How much older measurements count when another comes: about the last 50 matter. */
const FADE = 0.98;
const RATIOS = 64;
/** Measured ones drive the guesses out one by one. */
const PRIOR_RATIOS = [0.5, 0.8, 1, 1.2, 2];
/** Before anything is measured: what a small model on one card does. */
const PRIOR = { firstMs: 200, perTokenMs: 15, tokens: 128 };
const PRIOR_WEIGHT = 0.05;
const NOTHING = { w: 0, x: 0, y: 0, xx: 0, xy: 0 };

/**
 * How long tasks hold their slot: a line over the tokens that were expected, fitted by least squares of relative errors over the last tasks, and how far the last tasks were off it.
 * What says nothing of its length is held against the mean of its kind alone.
 */
export class ServiceTimes {
  private readonly sized = new Line([0, PRIOR.tokens, 4 * PRIOR.tokens].map((x) => ({ x, tokens: x })));
  private readonly unsized = new Line([{ x: 0, tokens: PRIOR.tokens }]);

  /** `tokens`: how many were expected. */
  measured(ms: number, tokens: number | undefined): void {
    if (tokens === undefined) this.unsized.add(0, ms);
    else this.sized.add(tokens, ms);
  }

  /** Of a task that expects so many tokens. */
  of(tokens: number | undefined): ServiceTime {
    if (tokens !== undefined) {
      if (this.sized.count > 0 || this.unsized.count === 0) return this.sized.at(tokens);
      return this.unsized.at(0);
    }
    return this.unsized.count > 0 || this.sized.count === 0 ? this.unsized.at(0) : this.sized.at(this.sized.meanTokens);
  }

  /** Of any one of several. */
  mean({ tasks, tokens, unsized }: Lengths): ServiceTime {
    const sized = tasks - unsized;
    if (sized <= 0) return this.of(undefined);
    const long = this.of(tokens / sized);
    if (unsized <= 0) return long;
    const any = this.of(undefined);
    return { ms: (long.ms * sized + any.ms * unsized) / tasks, ratios: sized > unsized ? long.ratios : any.ratios };
  }
}

/** A guess, and by what factors such guesses were off. */
export interface ServiceTime {
  readonly ms: number;
  readonly ratios: readonly number[];
}

class Line {
  count = 0;
  private readonly ratios = [...PRIOR_RATIOS];
  private sum = NOTHING;
  private next = 0;

  /** `guesses`: the lengths at which the prior is taken for measured. */
  constructor(private readonly guesses: readonly { readonly x: number; readonly tokens: number }[]) {
    this.assume(1);
  }

  /** What the tasks that matter expected on the average. */
  get meanTokens(): number {
    return this.sum.x / this.sum.w;
  }

  add(x: number, y: number): void {
    const ratio = y / Math.max(1, this.guess(x));
    // What the prior was off by is no spread: it gives way to its own shape at the scale of the first task.
    if (this.count === 0) this.assume(ratio);
    else {
      this.ratios[this.next] = ratio;
      this.next = (this.next + 1) % RATIOS;
    }
    this.count += 1;
    this.weigh(x, y, 1);
  }

  at(x: number): ServiceTime {
    return { ms: this.guess(x), ratios: this.ratios };
  }

  private assume(scale: number): void {
    this.sum = NOTHING;
    for (const { x, tokens } of this.guesses) this.weigh(x, (PRIOR.firstMs + PRIOR.perTokenMs * tokens) * scale, PRIOR_WEIGHT);
  }

  private weigh(x: number, y: number, weight: number): void {
    // A long answer is off by more than a short one; both count alike.
    const w = weight / (x + 32) ** 2;
    const { sum } = this;
    this.sum = {
      w: FADE * sum.w + w,
      x: FADE * sum.x + w * x,
      y: FADE * sum.y + w * y,
      xx: FADE * sum.xx + w * x * x,
      xy: FADE * sum.xy + w * x * y,
    };
  }

  private guess(at: number): number {
    const { w, x, y, xx, xy } = this.sum;
    const spread = w * xx - x * x;
    const slope = spread > 1e-9 * w * xx ? (w * xy - x * y) / spread : 0;
    if (slope <= 0) return y / w;
    const base = (y - slope * x) / w;
    return base <= 0 ? (xy / xx) * at : base + slope * at;
  }
}
