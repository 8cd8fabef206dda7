import type { ExecPiece } from "../runtime.ts";

/** What the command has written and nobody has taken yet; above it the command is held back. */
const FULL_BYTES = 256 * 1024;

/** What a command writes on its way to its one reader. */
export class Outlet {
  private readonly pieces: ExecPiece[] = [];
  private waiting = Promise.withResolvers<void>();
  private taken = Promise.withResolvers<void>();
  private ended = false;
  /** Not taken yet. */
  bytes = 0;
  /** Ever given. */
  total = 0;

  /** Resolves when something was taken, or nothing more will be. */
  get change(): Promise<void> {
    return this.taken.promise;
  }

  get isFull(): boolean {
    return this.bytes >= FULL_BYTES && !this.ended;
  }

  give(piece: ExecPiece): void {
    if (this.ended || piece.data.byteLength === 0) return;
    this.pieces.push(piece);
    this.bytes += piece.data.byteLength;
    this.total += piece.data.byteLength;
    this.waiting.resolve();
  }

  async room(): Promise<void> {
    while (this.isFull) await this.taken.promise;
  }

  /** Undefined at the end. */
  async read(): Promise<ExecPiece | undefined> {
    while (this.pieces.length === 0 && !this.ended) {
      this.waiting = Promise.withResolvers();
      await this.waiting.promise;
    }
    const piece = this.pieces.shift();
    this.bytes -= piece?.data.byteLength ?? 0;
    this.wake();
    return piece;
  }

  /** What was given before can still be taken. */
  end(): void {
    this.ended = true;
    this.waiting.resolve();
    this.wake();
  }

  /** Nobody wants it any more. */
  discard(): void {
    this.pieces.length = 0;
    this.bytes = 0;
    this.end();
  }

  private wake(): void {
    this.taken.resolve();
    this.taken = Promise.withResolvers();
  }
}
