/** The `restartPolicy` block of a service, resolved. */
export interface RestartPolicy {
  readonly condition: "always" | "on-failure" | "never";
  /** -1: no limit. */
  readonly maxRetries: number;
  /** Retries start again from zero after this much uninterrupted readiness. */
  readonly resetAfterMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number; readonly factor: number };
}
