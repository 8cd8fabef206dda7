import type { Json } from "../../kernel/event.ts";
import { parseStrictJson } from "../../kernel/strict-json.ts";

/** Of a body, as it is after decompression. */
export const MAX_BODY_BYTES = 64 * 1024;

export interface Body {
  /** Parsed where the answer says that it is JSON and it is; else text. */
  readonly value: Json;
  readonly text: string;
  /** There is more, which was not read. */
  readonly truncated: boolean;
}

/** Reads what is kept of an answer; the connection is closed under the rest. Rejects when it is cut. */
export async function readBody(answer: Response): Promise<Body> {
  const { bytes, truncated } = isSmall(answer) ? { bytes: await answer.bytes(), truncated: false } : await readFront(answer);
  const type = answer.headers.get("content-type") ?? "";
  const text = decoderOf(type).decode(bytes, { stream: truncated });
  const json = !truncated && /^application\/(?:[\w.+-]+\+)?json\b/i.test(type) ? parsed(text) : undefined;
  return { value: json === undefined ? text : json, text, truncated };
}

/** Its length is that of a body which is not compressed. */
function isSmall({ headers }: Response): boolean {
  const length = headers.get("content-length");
  return length !== null && !headers.has("content-encoding") && Number(length) <= MAX_BODY_BYTES;
}

async function readFront({ body }: Response): Promise<{ bytes: Uint8Array; truncated: boolean }> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (body) {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_BODY_BYTES) break;
    }
  }
  return { bytes: Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES), truncated: length > MAX_BODY_BYTES };
}

function decoderOf(type: string): TextDecoder {
  const charset = /charset\s*=\s*"?([\w-]+)/i.exec(type)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset as Bun.Encoding);
  } catch {
    return new TextDecoder(); // a charset that nobody knows
  }
}

/** Undefined for what is no JSON, or only in name: equal keys, `__proto__`, more than 64 levels. */
function parsed(text: string): Json | undefined {
  try {
    return parseStrictJson(text, { where: "the answer", maxBytes: MAX_BODY_BYTES * 4 }) as Json;
  } catch {
    return undefined;
  }
}
