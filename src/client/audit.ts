import type { AuditEntry } from "../kernel/audit.ts";
import type { Transport } from "./transport.ts";

export interface AuditList {
  readonly records: readonly AuditEntry[];
  readonly next_cursor?: string;
}

/** `seq`, `reason`: of the first record that does not hold. */
export type AuditAnswer =
  | { readonly ok: true; readonly records: number; readonly head: string }
  | { readonly ok: false; readonly seq?: number; readonly reason: string };

/** Who did what. */
export class AuditClient {
  constructor(private readonly transport: Transport) {}

  /** Newest first. */
  list(query: { limit?: number; cursor?: string } = {}): Promise<AuditList> {
    return this.transport.json("/audit", { query });
  }

  verify(): Promise<AuditAnswer> {
    return this.transport.json("/audit/verify", { timeoutMs: 0 });
  }
}
