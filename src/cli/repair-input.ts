import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { fileTrouble } from "../kernel/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../kernel/event.ts";
import type { Context } from "./context.ts";
import { usageError } from "./exit.ts";

/** The request as a whole has 8 MiB, and escaped a log is up to six times as long. */
const MAX_LOG_BYTES = 4 * 1024 * 1024;
const MAX_ESCAPED = 7 * 1024 * 1024;
const MAX_PLAN_BYTES = 2 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** The end of a log, where its failure is; `-` is standard input. Errors: usage. */
export async function logsFrom(context: Context, file: string): Promise<string> {
  const { bytes, cut } = await lastBytes(context, { file, flag: "--logs", maxBytes: MAX_LOG_BYTES });
  let text = bytes.toString("utf8");
  const isLong = (): boolean => JSON.stringify(text).length > MAX_ESCAPED;
  const isCut = cut || isLong();
  while (isLong()) text = text.slice(Math.ceil(text.length / 2));
  if (text.trim() === "") throw usageError(`--logs ${file}: there is nothing in it`);
  if (isCut) context.note(`--logs ${file} is long: its last ${text.length} characters are sent`);
  return text;
}

/** Errors: usage. */
export async function planFrom(context: Context, file: string): Promise<JsonObject> {
  const { bytes, cut } = await lastBytes(context, { file, flag: "--plan", maxBytes: MAX_PLAN_BYTES });
  if (cut) throw usageError(`--plan ${file}: it has more than ${MAX_PLAN_BYTES} bytes`);
  let plan: Json;
  try {
    plan = JSON.parse(bytes.toString("utf8")) as Json;
  } catch (error) {
    throw usageError(`--plan ${file}: it is not JSON: ${error instanceof Error ? error.message.replace(/^JSON Parse error: /, "") : ""}`);
  }
  if (isJsonObject(plan)) return plan;
  throw usageError(`--plan ${file}: a plan is an object with steps, such as plan.json of a repair`);
}

interface Wanted {
  readonly file: string;
  readonly flag: string;
  readonly maxBytes: number;
}

async function lastBytes({ io }: Context, { file, flag, maxBytes }: Wanted): Promise<{ bytes: Buffer; cut: boolean }> {
  let fd: number | undefined;
  try {
    if (file === "-") return await lastOf(process.stdin as AsyncIterable<Buffer>, maxBytes);
    fd = openSync(resolve(io.cwd, file), "r");
    const { size } = fstatSync(fd);
    // A pipe has no size, and is read from its beginning.
    return await lastOf(chunksOf(fd, Math.max(0, size - maxBytes)), maxBytes, size > maxBytes);
  } catch (error) {
    throw usageError(`${flag} ${file}: ${fileTrouble(error)}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

async function* chunksOf(fd: number, from: number): AsyncGenerator<Buffer> {
  for (let at = from; ;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const length = readSync(fd, chunk, 0, chunk.length, from > 0 ? at : null);
    if (length === 0) return;
    at += length;
    yield chunk.subarray(0, length);
  }
}

async function lastOf(chunks: AsyncIterable<Buffer>, maxBytes: number, wasCut = false): Promise<{ bytes: Buffer; cut: boolean }> {
  let kept: Buffer[] = [];
  let length = 0;
  let cut = wasCut;
  for await (const chunk of chunks) {
    kept.push(chunk);
    length += chunk.length;
    if (length <= 2 * maxBytes) continue;
    kept = [Buffer.concat(kept).subarray(-maxBytes)];
    length = maxBytes;
    cut = true;
  }
  const all = Buffer.concat(kept);
  return { bytes: all.subarray(-maxBytes), cut: cut || all.length > maxBytes };
}
