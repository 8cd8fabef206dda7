import { LogReader, type ReadLog } from "./log-reader.ts";

/** Reads a log of any size in bounded memory: its beginning, its end, and in between what looks like an error. */
export async function readLog(chunks: AsyncIterable<Uint8Array>): Promise<ReadLog> {
  const reader = new LogReader();
  for await (const chunk of chunks) reader.push(chunk);
  return reader.end();
}
