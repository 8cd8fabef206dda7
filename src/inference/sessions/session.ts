/** Ten minutes: longer no session is kept unused. */
export const MAX_TTL_MS = 600_000;
export const MAX_SESSION_ID_LENGTH = 256;

/** As `GET /v2/sessions/{id}` shows it. Null: no limit. */
export interface SessionView {
  readonly ttl_ms_remaining: number;
  readonly turns: number;
  /** 0 where no engine told. */
  readonly kv_bytes: number;
  /** 0…1: whether the replica that answered last still holds it. */
  readonly kv_warmth: number;
  readonly tokens_budget_remaining: number | null;
  readonly time_budget_remaining_ms: number | null;
  readonly cost_budget_remaining: number | null;
}

/** `PUT /v2/sessions/{id}`; what is absent stays as it is. */
export interface SessionLimits {
  readonly ttl_ms?: number | undefined;
  readonly max_turns?: number | undefined;
  readonly tokens_budget?: number | undefined;
  readonly time_budget_ms?: number | undefined;
  readonly cost_budget?: number | undefined;
}
