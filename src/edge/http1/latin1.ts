/** What Bun and Node have and the types lack: the same as `toString` and `write` with "latin1", without finding out what that means each time. */
interface Latin1 {
  latin1Slice(from: number, to: number): string;
  /** Returns how many bytes were written. */
  latin1Write(text: string, at: number): number;
}

export function readLatin1(bytes: Buffer, from: number, to: number): string {
  return (bytes as Buffer & Latin1).latin1Slice(from, to);
}

export function writeLatin1(bytes: Buffer, text: string, at: number): number {
  return (bytes as Buffer & Latin1).latin1Write(text, at);
}
