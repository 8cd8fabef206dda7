/** Stands where a secret was. */
export const REDACTED = "[redacted]";
/** Shorter ones would blank out half of every log. */
const MIN_SECRET_CHARS = 4;
/** A value longer than this is no secret that anybody logs; it bounds how far around a cut we look. */
const MAX_NEEDLE_CHARS = 256 * 1024;

/** Takes every written form of some secrets out of text. Needles have no line breaks, so a line at a time is enough. */
export class Redactor {
  private readonly needles: readonly string[];
  private readonly bytes: readonly Buffer[];
  /** Length of the longest form in UTF-8 bytes. */
  readonly longestBytes: number;

  constructor(secrets: Iterable<string>) {
    const forms = new Set<string>();
    for (const secret of secrets) for (const form of formsOf(secret)) forms.add(form);
    this.needles = [...forms].filter((form) => form.length <= MAX_NEEDLE_CHARS);
    this.bytes = this.needles.map((needle) => Buffer.from(needle));
    this.longestBytes = Math.max(0, ...this.bytes.map((needle) => needle.length));
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
      for (const needle of this.bytes) {
        const start = straddling(bytes, needle, cut);
        if (start === undefined) continue;
        cut = start;
        moved = true;
      }
    }
    return cut > 0 ? cut : this.cutAfter(bytes, at);
  }

  private cutAfter(bytes: Buffer, at: number): number {
    let cut = at;
    for (let moved = true; moved;) {
      moved = false;
      for (const needle of this.bytes) {
        const start = straddling(bytes, needle, cut);
        if (start === undefined) continue;
        cut = start + needle.length;
        moved = true;
      }
    }
    return cut;
  }

  /** Overlapping ones too: what is left of one secret beside another must not stay. */
  private hits(text: string): [number, number][] {
    const hits: [number, number][] = [];
    for (const needle of this.needles) {
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) hits.push([at, at + needle.length]);
    }
    return hits;
  }
}

function straddling(bytes: Buffer, needle: Buffer, cut: number): number | undefined {
  const from = Math.max(0, cut - needle.length + 1);
  const window = bytes.subarray(from, Math.min(bytes.length, cut + needle.length - 1));
  const found = window.indexOf(needle);
  return found < 0 || from + found >= cut ? undefined : from + found;
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

function formsOf(secret: string): string[] {
  const trimmed = secret.replace(/[\r\n]+$/, "");
  const lines = trimmed.split("\n").map((line) => line.replace(/\r$/, ""));
  const parts = lines.length > 1 ? [...lines, trimmed, secret] : [trimmed];
  return parts.filter((part) => part.length >= MIN_SECRET_CHARS).flatMap(written);
}

function written(part: string): string[] {
  const url = encodeURIComponent(part.toWellFormed());
  const lower = url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  const form = url.replaceAll("%20", "+").replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const json = JSON.stringify(part).slice(1, -1);
  // As Python and PHP write it.
  const ascii = json.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const all = [part, json, json.replaceAll("/", "\\/"), ascii, ascii.replaceAll("/", "\\/"), url, lower, form, ...base64Forms(part)];
  return all.filter((text) => text.length >= MIN_SECRET_CHARS && !text.includes("\n"));
}

/** The characters that the secret alone decides, for each place its first byte can have in a group of three. */
function base64Forms(part: string): string[] {
  const bytes = Buffer.from(part);
  const forms: string[] = [];
  for (let shift = 0; shift < 3; shift++) {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    const own = text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
    forms.push(own, own.replaceAll("+", "-").replaceAll("/", "_"));
  }
  return forms;
}
