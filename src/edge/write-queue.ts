/** Small pieces that wait are laid into blocks of this size, so that a slow peer costs few writes and few buffers. */
const BLOCK_BYTES = 32 * 1024;

/** Bytes the kernel has not taken yet, in order. Pieces are copied: the caller's buffer is free again after `push`. */
export class WriteQueue {
  bytes = 0;
  private blocks: Buffer[] = [];
  /** Bytes of the last block that are filled; the rest of it takes the next small piece. */
  private filled = 0;

  push(piece: Uint8Array): void {
    this.bytes += piece.length;
    const last = this.blocks.at(-1);
    if (last && piece.length <= last.length - this.filled) {
      last.set(piece, this.filled);
      this.filled += piece.length;
      return;
    }
    if (last) this.blocks[this.blocks.length - 1] = last.subarray(0, this.filled);
    const block = Buffer.allocUnsafeSlow(Math.max(piece.length, BLOCK_BYTES));
    block.set(piece);
    this.blocks.push(block);
    this.filled = piece.length;
  }

  /** Hands block after block to `write`, which returns how many bytes it took (negative: none ever again), until one is not taken whole. */
  flush(write: (bytes: Buffer) => number): void {
    const { blocks } = this;
    let whole = 0;
    for (const [at, block] of blocks.entries()) {
      const isLast = at === blocks.length - 1;
      const piece = isLast ? block.subarray(0, this.filled) : block;
      const taken = Math.max(0, write(piece));
      // The write may have told of the end of the connection.
      if (this.blocks !== blocks) return;
      this.bytes -= taken;
      if (taken < piece.length) {
        blocks[at] = block.subarray(taken);
        if (isLast) this.filled -= taken;
        break;
      }
      whole++;
    }
    if (whole > 0) blocks.splice(0, whole);
  }

  clear(): void {
    this.blocks = [];
    this.bytes = 0;
    this.filled = 0;
  }
}
