import { close, fstat, fsync, open, read, write, type Stats } from "node:fs";
import { promisify } from "node:util";

/**
 * An open file by its number. A `FileHandle` that is forgotten throws when it is collected, in nobody's stack: of a body that nobody reads to
 * its end that would take the daemon down.
 */
export class Descriptor {
  private constructor(private readonly fd: number) {}

  static async open(path: string, flags: number, mode?: number): Promise<Descriptor> {
    return new Descriptor(await openFile(path, flags, mode));
  }

  stat(): Promise<Stats> {
    return statFile(this.fd);
  }

  sync(): Promise<void> {
    return syncFile(this.fd);
  }

  close(): Promise<void> {
    return closeFile(this.fd);
  }

  /** Up to `length` bytes; none at the end. */
  read(position: number, length: number): Promise<Buffer<ArrayBuffer>> {
    const buffer = Buffer.allocUnsafe(length);
    return new Promise((resolve, reject) => {
      read(this.fd, buffer, 0, length, position, (error, count) => (error ? reject(error) : resolve(buffer.subarray(0, count))));
    });
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.writeSome(bytes.subarray(at), position + at);
  }

  private writeSome(bytes: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.fd, bytes, 0, bytes.length, position, (error, count) => (error ? reject(error) : resolve(count)));
    });
  }
}

const openFile: (path: string, flags: number, mode?: number) => Promise<number> = promisify(open);
const statFile: (fd: number) => Promise<Stats> = promisify(fstat);
const syncFile = promisify(fsync);
const closeFile = promisify(close);
