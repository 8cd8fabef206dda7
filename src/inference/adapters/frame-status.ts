import { isJsonObject, type Json } from "../../kernel/event.ts";

/** OpenAI's `invalid_request_error`, `BadRequestError` of vLLM and SGLang, TGI's `validation`. */
const BAD_REQUEST = /^(?:invalid_request|bad_?request)/i;
const VALIDATION = "validation";
/** All that TGI's `/v1` tells them by: whatever went wrong there, its status is said to be 422. */
const VALIDATION_WORDS = /^Input validation error\b/;

/** The HTTP status that an error means whose answer had begun with 200 already; undefined: it does not say. */
export function statusIn(error: Json): number | undefined {
  if (!isJsonObject(error)) return undefined;
  const { code, status, type, message } = error;
  const told = numberIn(code) ?? numberIn(status);
  if (told !== undefined) return told;
  if (type === VALIDATION || (typeof message === "string" && VALIDATION_WORDS.test(message))) return 422;
  return typeof type === "string" && BAD_REQUEST.test(type) ? 400 : undefined;
}

/** Of an error, as a number or in digits. */
function numberIn(value: Json | undefined): number | undefined {
  const number = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) && number >= 400 && number < 600 ? number : undefined;
}
