import { existsSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import type { ChannelServer } from "./channel-socket.ts";

const LOOK_MS = 2_000;

export interface PlaceOptions {
  readonly clock: Clock;
  readonly socket: string;
  readonly record: string;
  /** Listens at `socket`, whatever lay there. */
  readonly serve: () => ChannelServer;
  /** A worker with the same number listens there now: no daemon can tell this one anything any more, and its routes grow old. */
  readonly taken: () => void;
}

/**
 * Where a worker is found. A daemon that dies while it starts a worker leaves one that its successor cannot know of, and which may get
 * a twin: the one that began to listen last has the place. A socket that somebody removed is made anew.
 */
export class Place {
  private server: ChannelServer | undefined;
  private inode: bigint | undefined;

  constructor(private readonly options: PlaceOptions) {}

  open(): void {
    this.server?.stop();
    this.server = this.options.serve();
    this.inode = this.found();
  }

  watch(): void {
    this.options.clock.after(LOOK_MS, () => {
      const found = this.found();
      if (found !== undefined && found !== this.inode) return this.options.taken();
      if (found === undefined && existsSync(dirname(this.options.socket))) this.open();
      this.watch();
    });
  }

  /** Nobody is to look for this worker any more. */
  leave(): void {
    if (this.found() !== this.inode) return;
    for (const path of [this.options.socket, this.options.record]) rmSync(path, { force: true });
  }

  private found(): bigint | undefined {
    return statSync(this.options.socket, { bigint: true, throwIfNoEntry: false })?.ino;
  }
}
