import { ERROR_CODES, type ErrorCode, type Facts, OrcoError } from "../kernel/errors.ts";

const KNOWN: ReadonlySet<string> = new Set(ERROR_CODES);
/** Fields of RFC 9457 that the error itself carries; what remains is facts. */
const OWN_FIELDS: ReadonlySet<string> = new Set(["type", "title", "detail", "message", "code"]);

/** An answer that is not 2xx, as the error the daemon threw. A body that is no problem document (a proxy's page) becomes `unavailable`. */
export async function errorOf(response: Response): Promise<OrcoError> {
  const text = await response.text().catch(() => "");
  const body = parseObject(text);
  if (!body || typeof body["code"] !== "string") {
    return new OrcoError("unavailable", `the server answered ${response.status} ${response.statusText}`.trim(), {
      status: response.status,
    });
  }
  const facts: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(body)) if (!OWN_FIELDS.has(key)) facts[key] = value;
  const sentence = [body["detail"], body["message"], body["title"]].find((text) => typeof text === "string");
  return new OrcoError(codeOf(body["code"]), sentence ?? body["code"], facts satisfies Facts);
}

function codeOf(text: string): ErrorCode {
  return KNOWN.has(text) ? (text as ErrorCode) : "internal";
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
