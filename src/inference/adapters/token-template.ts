import { readFrame } from "../upstream/frame.ts";
import type { ReadFrame, Reading } from "./reading.ts";
import { parseObject } from "./parse.ts";

/** Where the text of a token may stand in a frame. */
const FIELD = /"(?:content|text|reasoning_content|reasoning)"[\t ]*:[\t ]*"/g;
/** One line of data, in the forms that engines write. */
const ONE_LINE = /^data:[^\r\n]*(?:\n\n|\r\n\r\n)$/;
/** Fields that are tried for one frame. */
const MAX_TRIES = 4;
/** Frames in a row that no template learnt fitted: each is another, and learning only costs. */
const MAX_MISSES = 4;
/** Put in the place of a text, to see whether it is the one that is read. */
const MARK = "~orco~";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const LETTER_U = 0x75;
/** Of `"`, `\`, `/`, b, f, n, r, t. */
const ESCAPABLE: ReadonlySet<number> = new Set([0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74]);
const HEX4 = /[0-9a-fA-F]{4}/y;

/**
 * Nearly all frames of a stream differ from one another only in the text of their token. Of one that was read in full, the bytes before and after that text are
 * kept: a frame that has the same ones around a valid JSON string says the same but for the text, and need not be parsed. That is exact, not a guess: whether the place
 * is the one the text is read from was tried when it was learnt, by reading the frame with another text put there.
 */
export class TokenTemplate {
  /** Of the last match: where its text begins and ends; whether it has escapes. */
  textFrom = 0;
  textTo = 0;
  escaped = false;
  /** The text is no text of the answer but an aside. */
  aside = false;
  private head = "";
  private tail = "";
  private misses = 0;

  constructor(private readonly read: ReadFrame) {}

  /** Where the token frame at `from` ends; -1: it has to be read. `bytes`: latin1 of the stream. */
  match(bytes: string, from: number): number {
    const { head, tail } = this;
    if (head === "" || !bytes.startsWith(head, from)) return -1;
    const textFrom = from + head.length;
    const textTo = this.endOfText(bytes, textFrom);
    if (textTo === -1 || !bytes.startsWith(tail, textTo)) return -1;
    this.textFrom = textFrom;
    this.textTo = textTo;
    this.misses = 0;
    return textTo + tail.length;
  }

  /** Of a frame that was read and carries a token, nothing else. */
  learn(frame: string, reading: Reading): void {
    if (this.misses >= MAX_MISSES || !isPlain(reading) || !ONE_LINE.test(frame)) return;
    this.misses += 1;
    FIELD.lastIndex = 0;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const field = FIELD.exec(frame);
      if (!field) return;
      const textFrom = FIELD.lastIndex;
      const textTo = this.endOfText(frame, textFrom);
      if (textTo !== -1 && this.keeps(frame.slice(0, textFrom), frame.slice(textTo), reading)) return;
    }
  }

  private keeps(head: string, tail: string, reading: Reading): boolean {
    const asked = parseObject(readFrame(head + MARK + tail).data ?? "");
    const told = asked && this.read(asked);
    // With an aside nothing is told of its text: that it vanishes with its text is the proof.
    const without = parseObject(readFrame(head + tail).data ?? "");
    if (!told || !without || !isPlain(told)) return false;
    const bare = this.read(without);
    const aside = reading.aside;
    if (aside ? told.text !== "" || bare.aside : told.text !== MARK || bare.text !== "") return false;
    if (told.aside !== aside) return false;
    this.head = head;
    this.tail = tail;
    this.aside = aside;
    return true;
  }

  /** Where the JSON string that began before `at` has its closing quote; -1: it is not whole, or no valid one. */
  private endOfText(bytes: string, from: number): number {
    this.escaped = false;
    for (let at = from; at < bytes.length; at++) {
      const code = bytes.charCodeAt(at);
      if (code === QUOTE) return at;
      if (code < SPACE) return -1;
      if (code !== BACKSLASH) continue;
      this.escaped = true;
      at += 1;
      const next = bytes.charCodeAt(at);
      if (next === LETTER_U) {
        HEX4.lastIndex = at + 1;
        if (!HEX4.test(bytes)) return -1;
        at += 4;
      } else if (!ESCAPABLE.has(next)) return -1;
    }
    return -1;
  }
}

/** It carries a token, of the text or aside of it but not both, and says nothing else. */
function isPlain({ text, aside, ...rest }: Reading): boolean {
  return (text !== "") !== aside && Object.keys(rest).length === 0;
}
