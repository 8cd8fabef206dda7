import { OrcoError } from "../kernel/errors.ts";
import type { Ctx } from "./context.ts";
import { type ParsedJson, parseExactly, parseJson } from "./json.ts";
import type { UploadBudget, UploadShare } from "./upload-budget.ts";

export type Body = { readonly kind: "none" } | ({ readonly kind: "json" } & ParsedJson) | { readonly kind: "yaml"; readonly text: string };

/** Larger ones count as they come, so that one that stalls takes only what it has sent. */
const MAX_WHOLE_BYTES = 1024 * 1024;
const JSON_TYPES: ReadonlySet<string> = new Set(["application/json"]);
/** Of whole bodies: it holds nothing from one to the next. */
const UTF8 = new TextDecoder("utf-8", { fatal: true });
const YAML_TYPES: ReadonlySet<string> = new Set(["application/yaml", "text/yaml", "application/x-yaml"]);

interface ReadOptions {
  readonly maxBytes: number;
  readonly yaml: boolean;
  /** Numbers that no double holds are kept as they are written too. */
  readonly exact: boolean;
  readonly budget: UploadBudget;
}

/** Reads a body of an accepted type. Throws `unsupported_media_type`, `too_large`, `invalid`. No body and no type is `none`. */
export async function readBody(c: Ctx, options: ReadOptions): Promise<Body> {
  const announced = announcedBytes(c);
  const kind = kindOf(c.req.header("content-type"), options.yaml);
  if (announced === 0 && kind !== "yaml") return { kind: "none" };
  if (!kind) throw unsupportedType("a body needs a Content-Type", options.yaml);
  if (announced !== undefined && announced > options.maxBytes) throw tooLarge(options.maxBytes);
  const share = options.budget.share();
  try {
    const text =
      announced === undefined || announced > MAX_WHOLE_BYTES
        ? await readStream(c.req.raw, share, options.maxBytes)
        : await readWhole(c.req.raw, share, announced);
    c.set("bodyLength", text.length);
    if (kind === "yaml") return { kind, text };
    return text.trim() === "" ? { kind: "none" } : { kind, ...(options.exact ? parseExactly(text) : { value: parseJson(text) }) };
  } finally {
    share.release();
  }
}

/** Undefined: chunked, so nobody knows yet. */
function announcedBytes(c: Ctx): number | undefined {
  const length = c.req.header("content-length");
  if (length !== undefined) return Number(length);
  return c.req.header("transfer-encoding") === undefined ? 0 : undefined;
}

function kindOf(header: string | undefined, yaml: boolean): "json" | "yaml" | undefined {
  if (header === undefined) return undefined;
  // As nearly every client writes it.
  if (header === "application/json") return "json";
  const [type = "", ...parameters] = header
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset && !/^charset="?utf-?8"?$/.test(charset)) throw new OrcoError("unsupported_media_type", "only UTF-8 is read");
  if (JSON_TYPES.has(type)) return "json";
  if (yaml && YAML_TYPES.has(type)) return "yaml";
  throw unsupportedType(`${type || "an empty type"} is not read here`, yaml);
}

/** Of an announced length, which the server holds it to. Read through a stream, a small body costs as much as all the rest of its request. */
async function readWhole(request: Request, share: UploadShare, announced: number): Promise<string> {
  share.grow(announced);
  try {
    return UTF8.decode(await request.bytes());
  } catch {
    throw unreadable();
  }
}

async function readStream(request: Request, share: UploadShare, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      share.grow(chunk.byteLength);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof OrcoError) throw error;
    throw unreadable();
  }
}

function unreadable(): OrcoError {
  return new OrcoError("invalid", "the body is not UTF-8 or ended early");
}

function unsupportedType(problem: string, yaml: boolean): OrcoError {
  const accepted = yaml ? [...JSON_TYPES, ...YAML_TYPES] : [...JSON_TYPES];
  return new OrcoError("unsupported_media_type", `${problem}; send ${accepted.join(" or ")}`, { accepted });
}

function tooLarge(maxBytes: number): OrcoError {
  return new OrcoError("too_large", `the body is larger than ${maxBytes} bytes`, { max_bytes: maxBytes });
}
