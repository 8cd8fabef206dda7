/** A span that has ended. Times are epoch ms. */
export interface SpanData {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent?: string;
  /** The parent is somebody else's. */
  readonly remoteParent?: boolean;
  readonly flags: number;
  readonly start: number;
  readonly end: number;
  /** Why it failed. */
  readonly error?: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}
