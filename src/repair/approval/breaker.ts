/** A finished run of the same service and fault whose patch was applied. */
interface Former {
  /** Epoch ms. */
  readonly endedAt: number;
}

/** Whether a fault comes again too soon for a repair that nobody looked at; a window of 0 never trips. Dry runs and runs under way are none of `former`. */
export function breakerTrips(former: readonly Former[], { now, windowMs }: { readonly now: number; readonly windowMs: number }): boolean {
  return former.some(({ endedAt }) => now - endedAt < windowMs);
}
