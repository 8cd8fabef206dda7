import type { RateLimiterRes } from "rate-limiter-flexible";
import RateLimiterMemory from "rate-limiter-flexible/lib/RateLimiterMemory.js";
import { OrcoError } from "../kernel/errors.ts";

export interface RateLimit {
  /** Counts one request of `who`. Throws `rate_limited` (facts: retry_after_s) over the limit; either way `headers` say how much is left. */
  consume(who: string, headers: Headers): Promise<void>;
}

/** Undefined when the limit is off. */
export function rateLimit({ windowMs, max }: { windowMs: number; max: number }): RateLimit | undefined {
  if (max <= 0) return undefined;
  const limiter = new RateLimiterMemory({ points: max, duration: windowMs / 1000 });
  return {
    async consume(who, headers) {
      headers.set("ratelimit-policy", `"default";q=${max};w=${Math.ceil(windowMs / 1000)}`);
      const state = await limiter.consume(who).catch((over: unknown) => over as RateLimiterRes);
      const resetS = Math.max(1, Math.ceil(state.msBeforeNext / 1000));
      headers.set("ratelimit", `"default";r=${state.remainingPoints};t=${resetS}`);
      if (state.consumedPoints <= max) return;
      throw new OrcoError("rate_limited", `more than ${max} requests in ${windowMs / 1000} s; try again in ${resetS} s`, {
        retry_after_s: resetS,
      });
    },
  };
}
