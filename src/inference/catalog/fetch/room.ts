import { statfs } from "node:fs/promises";
import { FetchTrouble } from "./trouble.ts";

/** Others need the disk too, the journal first of all: this much stays free, or this share of a small one. */
const MARGIN_BYTES = 256 * 1024 * 1024;
const MARGIN_SHARE = 0.05;
/** How much is written before somebody looks again. */
const LOOK_BYTES = 64 * 1024 * 1024;

/** Sees to it that fetching stops before the disk is full. */
export class Room {
  private left = 0;

  constructor(private readonly folder: string) {}

  /** Throws `FetchTrouble` (`lasting`) when `bytes` more would not leave enough. */
  async assertFits(bytes: number): Promise<void> {
    const { free, margin } = await this.look();
    if (bytes + margin > free)
      throw new FetchTrouble(
        "lasting",
        `the disk is too full: ${bytes} bytes more and ${margin} to spare are needed below ${this.folder}, and ${free} are free; make space and fetch it again`,
      );
    this.left = Math.min(LOOK_BYTES, free - margin);
  }

  async take(bytes: number): Promise<void> {
    if (this.left < bytes) await this.assertFits(bytes);
    this.left -= bytes;
  }

  private async look(): Promise<{ free: number; margin: number }> {
    const { bavail, blocks, bsize } = await statfs(this.folder);
    return { free: bavail * bsize, margin: Math.min(MARGIN_BYTES, Math.floor(blocks * bsize * MARGIN_SHARE)) };
  }
}
