import type { Fault } from "./fault.ts";

export interface MockSettings {
  readonly hostname: string;
  /** 0: a free one. */
  readonly port: number;
  readonly slots: number;
  /** Ids it serves; the first is the one it says it is. */
  readonly models: readonly string[];
  /** Of one answer; 0: as fast as it can. */
  readonly tokensPerS: number;
  readonly firstTokenMs: number;
  /** Tokens that go out in one write. */
  readonly burst: number;
  /** Words that prompt and answer may have together. */
  readonly ctx: number;
  /** For so long it says that it is loading its model. */
  readonly loadingMs: number;
  /** A request more than there are slots: 429, or it waits without a head. */
  readonly whenFull: "refuse" | "queue";
  readonly apiKey?: string;
  /** Of every request that asks for none itself. */
  readonly fault: Fault;
}

export const MOCK_DEFAULTS: MockSettings = {
  hostname: "127.0.0.1",
  port: 0,
  slots: 2,
  models: ["chain"],
  tokensPerS: 0,
  firstTokenMs: 0,
  burst: 1,
  ctx: 2048,
  loadingMs: 0,
  whenFull: "refuse",
  fault: {},
};
