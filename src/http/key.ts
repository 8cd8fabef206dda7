import { createHash, timingSafeEqual } from "node:crypto";
import { OrcoError } from "../kernel/errors.ts";

export interface KeyCheck {
  /** Fingerprint of the right key; undefined when none was offered. Throws `unauthorized` when what was offered is wrong. */
  check(headers: { authorization?: string | undefined; apiKey?: string | undefined }): string | undefined;
}

/** Compares digests, in constant time: neither length nor content of the key shows in the time it takes. */
export function keyCheck(apiKey: string): KeyCheck {
  const wanted = digest(apiKey.trim());
  const fingerprint = wanted.toString("hex").slice(0, 6);
  return {
    check({ authorization, apiKey: header }) {
      const offered = header ?? bearerOf(authorization);
      if (offered === undefined) return undefined;
      if (timingSafeEqual(digest(offered.trim()), wanted)) return fingerprint;
      throw new OrcoError("unauthorized", "the API key is wrong");
    },
  };
}

/** An Authorization header of another scheme counts as a wrong key. */
function bearerOf(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  return /^bearer\s+(.*)$/i.exec(header)?.[1] ?? "";
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
