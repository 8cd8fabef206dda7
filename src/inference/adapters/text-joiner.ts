/** A raw byte that is no whole UTF-8 character, in a string: no text that was decoded holds a low surrogate alone. */
const BYTE = 0xdc00;
const RAW_BYTES = /[\x80-\xff]/g;
const HIGH_BYTE = /(?<![\ud800-\udbff])[\udc80-\udcff]/;
const REPLACEMENT = "\ufffd";

/** The text of the bytes; when not all of them are UTF-8, those that are not ASCII stand for themselves until a `TextJoiner` has them. */
export function textOf(bytes: Buffer, from: number, to: number): string {
  const text = bytes.toString("utf8", from, to);
  if (!text.includes(REPLACEMENT)) return text;
  return bytes.toString("latin1", from, to).replace(RAW_BYTES, (byte) => String.fromCharCode(BYTE + byte.charCodeAt(0)));
}

/** Puts characters together that an engine splits over tokens: bytes of UTF-8, or halves of UTF-16 pairs. */
export class TextJoiner {
  /** A high surrogate whose other half is to come. */
  private half = "";
  /** Once there were raw bytes, everything goes through it. */
  private decoder: TextDecoder | undefined;

  /** The whole characters there are now. */
  join(text: string): string {
    const all = this.half + text;
    const last = all.charCodeAt(all.length - 1);
    const isHalf = last >= 0xd800 && last < 0xdc00;
    this.half = isHalf ? all.slice(-1) : "";
    const whole = isHalf ? all.slice(0, -1) : all;
    if (!this.decoder && HIGH_BYTE.test(whole)) this.decoder = new TextDecoder();
    return this.decoder ? this.decoder.decode(bytesOf(whole), { stream: true }) : whole.toWellFormed();
  }

  /** What is left of a character whose rest never came: U+FFFD in its place. */
  rest(): string {
    const rest = (this.decoder?.decode() ?? "") + this.half.toWellFormed();
    this.half = "";
    this.decoder = undefined;
    return rest;
  }
}

function bytesOf(text: string): Buffer {
  const bytes: Buffer[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes.push(code >= BYTE + 0x80 && code <= BYTE + 0xff ? Buffer.of(code - BYTE) : Buffer.from(character));
  }
  return Buffer.concat(bytes);
}
