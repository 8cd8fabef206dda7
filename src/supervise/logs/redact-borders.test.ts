import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { cut, MAX_LINE_BYTES } from "./cut.ts";
import { REDACTED, Redactor } from "./redact.ts";

/** How programs write a text down. */
const WRITTEN: Readonly<Record<string, (secret: string) => string>> = {
  exact: (secret) => secret,
  JSON: (secret) => JSON.stringify(secret),
  "JSON in ASCII": (secret) =>
    JSON.stringify(secret).replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`),
  "JSON of PHP": (secret) => JSON.stringify(secret).replaceAll("/", "\\/"),
  URL: encodeURIComponent,
  form: (secret) => new URLSearchParams({ "": secret }).toString().slice(1),
  base64: (secret) => Buffer.from(secret).toString("base64"),
  "base64 after one byte": (secret) => Buffer.from(`x${secret}y`).toString("base64"),
  "base64 after two": (secret) => Buffer.from(`xx${secret}yy`).toString("base64"),
  base64url: (secret) => Buffer.from(secret).toString("base64url"),
};

const SECRETS = ['s3cr/t+pä$$ w"q', "correct horse battery", "horse battery staple", "aaaa", "aaaab"];

/** What a reader gets who sees the stream in chunks of these sizes; the last one again and again. */
function records(stream: Buffer, redactor: Redactor, sizes: readonly number[]): string[] {
  const found: string[] = [];
  let [at, seen, midline, turn] = [0, 0, false, 0];
  while (at < stream.length) {
    seen = Math.min(stream.length, Math.max(seen, at) + (sizes[Math.min(turn++, sizes.length - 1)] ?? 1));
    for (;;) {
      const taken = cut(stream.subarray(at, seen), { midline, redactor, final: seen === stream.length });
      if (taken.kind === "wait" || taken.next === 0) break;
      found.push(redactor.clean(stream.toString("utf8", at, at + taken.end)));
      at += taken.next;
      midline = taken.kind === "piece" && !taken.last;
      if (at >= seen) break;
    }
  }
  return found;
}

/** Some form of a secret, whole, in what is kept. */
function leaks(kept: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => new Redactor([secret]).clean(kept.replaceAll(REDACTED, " ")) !== kept.replaceAll(REDACTED, " "));
}

test.each(Object.keys(WRITTEN))(
  "%s: wherever the border of a long line falls, no secret is cut in two",
  (how) => {
    const redactor = new Redactor(SECRETS);
    const line = Buffer.alloc(MAX_LINE_BYTES + 1000, 0x2e);
    line[line.length - 1] = 10;
    for (const secret of SECRETS) {
      const text = Buffer.from(WRITTEN[how]?.(secret) ?? "");
      for (let shift = -1; shift <= text.length + 1; shift++) {
        const stream = Buffer.from(line);
        text.copy(stream, MAX_LINE_BYTES - shift);
        const first = cut(stream, { midline: false, redactor, final: false });
        if (first.kind !== "piece") throw new Error(first.kind);
        const around = [stream.subarray(first.end - 900, first.end), stream.subarray(first.next)].map((piece) =>
          redactor.clean(piece.toString()),
        );
        expect(first.end).toBeLessThanOrEqual(MAX_LINE_BYTES);
        expect(around.join("")).toContain(REDACTED);
        // What is left of the text: quotes, padding, and the characters of base64 that belong to its neighbours too.
        expect(
          around
            .join("")
            .replaceAll(REDACTED, "")
            .replace(/[.\n"=]/g, "").length,
        ).toBeLessThanOrEqual(8);
      }
    }
  },
  30_000,
);

test("however the stream comes in, the same is kept, and no secret in any form", () => {
  const redactor = new Redactor(SECRETS);
  const word = fc.oneof(
    fc.tuple(fc.constantFrom(...SECRETS), fc.constantFrom(...Object.keys(WRITTEN))).map(([secret, how]) => WRITTEN[how]?.(secret) ?? ""),
    fc.string({ maxLength: 20 }),
    fc.constantFrom("\n", " ", "aa", "horse ", "é"),
    fc.constantFrom(MAX_LINE_BYTES - 30, MAX_LINE_BYTES - 5, 3).map((length) => "-".repeat(length)),
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 3 * MAX_LINE_BYTES }), { minLength: 1, maxLength: 5 }),
      (words, sizes) => {
        const stream = Buffer.from(words.join(""));
        const whole = records(stream, redactor, [stream.length + 1]).join("");
        expect(leaks(whole, SECRETS)).toEqual([]);
        expect(records(stream, redactor, [...sizes, 64 * 1024]).join("")).toBe(whole);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

test("a secret longer than a chunk, and lines of one, go as a whole", () => {
  const long = Buffer.from(Array.from({ length: 90_000 }, (_, index) => (index * 7919) % 256)).toString("hex");
  const redactor = new Redactor([long]);
  for (const before of [0, 10, MAX_LINE_BYTES - 1, MAX_LINE_BYTES - 100_000]) {
    const stream = Buffer.from(`${"-".repeat(before)}${long}+\n`);
    const kept = records(stream, redactor, [4096]).join("");
    expect(kept.replaceAll("-", "").trimEnd()).toBe(`${REDACTED}+`);
  }
  const lines = new Redactor(["-----BEGIN KEY-----\nMIIEvQIBADAN\nabc\n-----END KEY-----\n"]);
  const stream = Buffer.from("x\n-----BEGIN KEY-----\r\nMIIEvQIBADAN\nabc\n-----END KEY-----\ny\n");
  for (let size = 1; size <= stream.length; size++)
    expect(records(stream, lines, [size]).join("")).toBe(`x\n${REDACTED}\r\n${REDACTED}\nabc\n${REDACTED}\ny\n`);
});
