import { join } from "node:path";
import { encodeLines } from "../src/supervise/logs/encode.ts";
import { SegmentWriter } from "../src/supervise/logs/writer.ts";

const LINES_A_BATCH = 100;
const PLACE = { instance: "0123456789abcdef0123456789abcdef", stream: 0, replica: 0 };

export interface Written {
  /** Of all logs of the home. */
  readonly root: string;
  readonly stack: string;
  readonly service: string;
  readonly bytes: number;
  readonly maxFileSizeBytes: number;
  /** Epoch ms of the first and the last line; the others are spread evenly. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Stands in one line, in the middle. */
  readonly rare: string;
}

/** Writes a service's log as the store would have over a long time, with its own writer. Returns how many lines it has. */
export function writeLog({ root, stack, service, bytes, maxFileSizeBytes, fromMs, toMs, rare }: Written): number {
  const limits = { maxFileSizeBytes, maxFiles: 100_000, format: "text" as const };
  const writer = new SegmentWriter(join(root, stack, service), limits);
  let [done, offset] = [0, 0];
  let found = false;
  while (done < bytes) {
    const seq = writer.lastSeq + 1;
    const ts = Math.round(fromMs + (toMs - fromMs) * (done / bytes));
    const here: boolean = !found && done >= bytes / 2;
    found ||= here;
    const text = linesOf(seq, here ? rare : "");
    const { json, lines } = encodeLines(text, { service, replica: 0, source: "stdout", format: "text", redactor: undefined, ts, seq });
    const encoded = Buffer.from(json);
    offset += text.length;
    const parts = [{ size: encoded.length, lines, ts, cursor: { ...PLACE, offset, midline: false } }];
    writer.append({ bytes: encoded, replica: 0, parts });
    done += encoded.length;
  }
  const lines = writer.lastSeq;
  writer.close();
  return lines;
}

function linesOf(seq: number, rare: string): string {
  let text = "";
  for (let n = seq; n < seq + LINES_A_BATCH; n++) {
    const said = n === seq && rare !== "" ? rare : "GET /api/items";
    text += `${n % 997 === 0 ? "ERROR: " : ""}10.0.${n % 256}.7 ${said}?page=${n} 200 ${n % 5000} bytes in ${n % 97} ms, user ${n % 10_007}\n`;
  }
  return text;
}
