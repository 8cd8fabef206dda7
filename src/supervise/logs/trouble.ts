import { errnoOf, messageOf, OrcoError } from "../../kernel/errors.ts";

const RETRY_MS = 1000;
/** Different problems remembered as told. */
const MAX_TOLD = 32;

/** Failures of one service's log: each told once per episode, writes held back for a second after one fails. */
export class Trouble {
  private retryAt = 0;
  private failing: OrcoError | undefined;
  private readonly told = new Set<string>();

  constructor(
    private readonly where: { readonly stack: string; readonly service: string },
    private readonly onError: (error: OrcoError) => void,
  ) {}

  stalled(now: number): boolean {
    return this.failing !== undefined && now < this.retryAt;
  }

  /** The log could not be written. */
  writeFailed(error: unknown, now: number): void {
    this.retryAt = now + RETRY_MS;
    const known = this.failing !== undefined;
    this.failing = this.errorOf(`its log cannot be written: ${messageOf(error)}`, error);
    if (!known) this.onError(this.failing);
  }

  /** Why the last write failed, until one succeeds. */
  failure(): OrcoError | undefined {
    return this.failing;
  }

  written(): void {
    this.failing = undefined;
  }

  /** Anything else, told once. */
  tell(what: string, cause?: unknown): void {
    if (this.told.has(what) || this.told.size >= MAX_TOLD) return;
    this.told.add(what);
    this.onError(this.errorOf(what, cause));
  }

  private errorOf(what: string, cause: unknown): OrcoError {
    const errno = errnoOf(cause);
    const code = errno === "ENOSPC" || errno === "EDQUOT" ? "disk_full" : "internal";
    return new OrcoError(code, `${this.where.stack}/${this.where.service}: ${what}`, { ...this.where, errno }, { cause });
  }
}
