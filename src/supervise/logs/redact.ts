/** Stands where a secret was. */
export const REDACTED = "[redacted]";
/** Shorter ones would blank out half of every log. */
const MIN_SECRET_CHARS = 4;
/** A value longer than this is no secret that anybody logs; it bounds how far around a cut we look. */
const MAX_NEEDLE_CHARS = 256 * 1024;

/** A written form of a secret. */
interface Needle {
  readonly text: string;
  readonly bytes: Buffer;
  /** What may follow it that still holds bits of the secret, the longest first; ASCII. */
  readonly tails: readonly string[];
}

/** Takes every written form of some secrets out of text. Needles have no line breaks, so a line at a time is enough. */
export class Redactor {
  private readonly needles: readonly Needle[];
  /** Length of the longest form in UTF-8 bytes. */
  readonly longestBytes: number;

  constructor(secrets: Iterable<string>) {
    const forms = new Map<string, readonly string[]>();
    for (const secret of secrets)
      for (const { text, tails } of formsOf(secret)) forms.set(text, longestFirst(forms.get(text) ?? [], tails));
    this.needles = [...forms]
      .filter(([text]) => text.length <= MAX_NEEDLE_CHARS)
      .map(([text, tails]) => ({ text, tails, bytes: Buffer.from(text) }));
    this.longestBytes = Math.max(0, ...this.needles.map(lengthOf));
  }

  readonly clean = (text: string): string => {
    const hits = this.hits(text);
    if (hits.length === 0) return text;
    let out = "";
    let at = 0;
    for (const [from, to] of merged(hits)) {
      out += text.slice(at, from) + REDACTED;
      at = to;
    }
    return out + text.slice(at);
  };

  /** The nearest place at or before `at` where no form of a secret is cut in two; after it, when one begins at 0. */
  cutBefore(bytes: Buffer, at: number): number {
    let cut = at;
    for (let moved = true; moved && cut > 0;) {
      moved = false;
      for (const needle of this.needles) {
        const over = straddling(bytes, needle, cut);
        if (over === undefined) continue;
        cut = over.start;
        moved = true;
      }
    }
    return cut > 0 ? cut : this.cutAfter(bytes, at);
  }

  private cutAfter(bytes: Buffer, at: number): number {
    let cut = at;
    for (let moved = true; moved;) {
      moved = false;
      for (const needle of this.needles) {
        const over = straddling(bytes, needle, cut);
        if (over === undefined) continue;
        cut = over.end;
        moved = true;
      }
    }
    return cut;
  }

  /** Overlapping ones too: what is left of one secret beside another must not stay. */
  private hits(text: string): [number, number][] {
    const hits: [number, number][] = [];
    for (const { text: form, tails } of this.needles) {
      for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1)) {
        const end = at + form.length;
        hits.push([at, end + (tails.find((tail) => text.startsWith(tail, end))?.length ?? 0)]);
      }
    }
    return hits;
  }
}

/** In bytes, with the longest that may follow it. */
function lengthOf({ bytes, tails }: Needle): number {
  return bytes.length + (tails[0]?.length ?? 0);
}

function straddling(bytes: Buffer, needle: Needle, cut: number): { start: number; end: number } | undefined {
  const from = Math.max(0, cut - lengthOf(needle) + 1);
  const window = bytes.subarray(from, Math.min(bytes.length, cut + needle.bytes.length - 1));
  for (let at = window.indexOf(needle.bytes); at >= 0; at = window.indexOf(needle.bytes, at + 1)) {
    const start = from + at;
    const end = start + needle.bytes.length;
    const tail = needle.tails.find((one) => bytes.toString("latin1", end, end + one.length) === one) ?? "";
    if (start < cut && end + tail.length > cut) return { start, end: end + tail.length };
  }
  return undefined;
}

function longestFirst(...tails: (readonly string[])[]): string[] {
  return [...new Set(tails.flat())].toSorted((a, b) => b.length - a.length);
}

function merged(hits: [number, number][]): [number, number][] {
  hits.sort((a, b) => a[0] - b[0]);
  const out: [number, number][] = [];
  for (const hit of hits) {
    const last = out.at(-1);
    if (last && hit[0] <= last[1]) last[1] = Math.max(last[1], hit[1]);
    else out.push([hit[0], hit[1]]);
  }
  return out;
}

type Form = Pick<Needle, "text" | "tails">;

function formsOf(secret: string): Form[] {
  const trimmed = secret.replace(/[\r\n]+$/, "");
  const lines = trimmed.split("\n").map((line) => line.replace(/\r$/, ""));
  const parts = lines.length > 1 ? [...lines, trimmed, secret] : [trimmed];
  return parts.filter((part) => part.length >= MIN_SECRET_CHARS).flatMap(written);
}

function written(part: string): Form[] {
  const url = encodeURIComponent(part.toWellFormed());
  const lower = url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  const form = url.replaceAll("%20", "+").replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const json = JSON.stringify(part).slice(1, -1);
  // As Python and PHP write it.
  const ascii = json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const plain = [part, json, json.replaceAll("/", "\\/"), ascii, ascii.replaceAll("/", "\\/"), url, lower, form];
  const all = [...plain.map((text) => ({ text, tails: [] })), ...base64Forms(part)];
  return all.filter(({ text }) => text.length >= MIN_SECRET_CHARS && !text.includes("\n"));
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The characters that the secret alone decides, for each place its first byte can have in a group of three; one more holds its last bits. */
function base64Forms(part: string): Form[] {
  const bytes = Buffer.from(part);
  const forms: Form[] = [];
  for (let shift = 0; shift < 3; shift++) {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    const bits = (shift + bytes.length) * 8;
    const end = Math.floor(bits / 6);
    const own = text.slice(shift === 0 ? 0 : shift + 1, end);
    const tails = bits % 6 === 0 ? [] : tailsOf(text.slice(end), bits % 6);
    forms.push({ text: own, tails }, { text: urlSafe(own), tails: tails.map(urlSafe) });
  }
  return forms;
}

/** `last`: the character that begins with so many bits of the secret, as it is at the end of a text, and its padding. */
function tailsOf(last: string, bits: number): string[] {
  const first = BASE64.indexOf(last.slice(0, 1));
  return [last, ...BASE64.slice(first, first + 2 ** (6 - bits)).split("")];
}

function urlSafe(text: string): string {
  return text.replaceAll("+", "-").replaceAll("/", "_");
}
