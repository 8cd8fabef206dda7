/** One piece of a stream: whole frames that came in one turn, encoded once for all who read them. */
interface Link {
  next?: Link;
  readonly bytes: Uint8Array;
  /** Of its first frame, counted from 1. */
  readonly first: number;
  readonly last: number;
  /** Tokens of the stream up to and including this link. */
  readonly tokens: number;
  /** Bytes of frames of tokens up to and including this link. */
  readonly weight: number;
  /** Bytes of all frames up to and including this link. */
  readonly size: number;
  /** Epoch ms in the ids of its frames. */
  readonly ms: number;
}

export interface Piece {
  readonly bytes: Uint8Array;
  readonly frames: number;
  readonly tokens: number;
  readonly ms: number;
}

const NOTHING = new Uint8Array();
/** A token that is longer counts as several, so that who is behind by so many tokens is behind by so many bytes at most. */
const MAX_TOKEN_BYTES = 16 * 1024;

/**
 * What a task has said, as a chain: readers hold places in it, so what every reader has taken and the ring no longer keeps is collected.
 * The ring keeps the last `keepBytes` of tokens, in whole links, for who comes later.
 */
export class Chain {
  private tail: Link = { bytes: NOTHING, first: 0, last: 0, tokens: 0, weight: 0, size: 0, ms: 0 };
  /** The link before the first that is kept. */
  private before = this.tail;

  constructor(private readonly keepBytes: number) {}

  push({ bytes, frames, tokens, ms }: Piece): void {
    const { last, tokens: tokensBefore, weight, size } = this.tail;
    const heavy = tokens > 0 ? bytes.byteLength : 0;
    const counted = tokensBefore + Math.max(tokens, Math.ceil(heavy / MAX_TOKEN_BYTES));
    const span = { first: last + 1, last: last + frames };
    const link: Link = { bytes, ...span, tokens: counted, weight: weight + heavy, size: size + bytes.byteLength, ms };
    this.tail.next = link;
    this.tail = link;
    for (let first = this.before.next; first && first !== link && link.weight - first.weight >= this.keepBytes; first = first.next)
      this.before = first;
  }

  /** Keeps nothing of what was pushed; readers keep what is before them. */
  release(): void {
    this.before = this.tail;
  }

  /** Number of the first frame that is kept; one above the last when there is none. */
  get firstKept(): number {
    return this.before.last + 1;
  }

  /** Bytes that are kept for who comes later. */
  get keptBytes(): number {
    return this.tail.size - this.before.size;
  }

  get last(): number {
    return this.tail.last;
  }

  get lastMs(): number {
    return this.tail.ms;
  }

  /** Whether the id of frame number `seq` has that time; true as well of what is not kept. */
  hasId(seq: number, ms: number): boolean {
    let at = this.before;
    while (at.next && at.last < seq) at = at.next;
    return at === this.before || at.ms === ms;
  }

  /** @internal for `Place` */
  get tokens(): number {
    return this.tail.tokens;
  }

  /** The place of a reader who has seen every frame up to number `seen`, and every one of before `sinceMs` or at it. */
  placeAfter(seen: number, sinceMs = 0): Place {
    let at = this.before;
    while (at.next && (at.next.last <= seen || at.next.ms <= sinceMs)) at = at.next;
    return new Place(this, at, Math.max(0, seen - at.last));
  }
}

/** Where one reader is. */
export class Place {
  constructor(
    private readonly chain: Chain,
    private at: Link,
    /** Frames of the next link that the reader has. */
    private skip: number,
  ) {}

  /** Tokens that wait for this reader. */
  get behind(): number {
    return this.chain.tokens - this.at.tokens;
  }

  get done(): boolean {
    return this.at.next === undefined;
  }

  /** The next whole frames: at least one link, and no more than about `maxBytes`; undefined when there are none yet. */
  take(maxBytes: number): Uint8Array | undefined {
    const first = this.at.next;
    if (!first) return undefined;
    this.at = first;
    let bytes = first.bytes;
    if (this.skip > 0) bytes = bytes.subarray(endOfFrame(bytes, this.skip));
    this.skip = 0;
    if (!first.next) return bytes;
    const parts = [bytes];
    let length = bytes.byteLength;
    while (this.at.next && length + this.at.next.bytes.byteLength <= maxBytes) {
      this.at = this.at.next;
      parts.push(this.at.bytes);
      length += this.at.bytes.byteLength;
    }
    return parts.length === 1 ? bytes : Buffer.concat(parts, length);
  }
}

/** Where the frame of that number ends; data is on one line, so that the first empty line is the end of a frame. */
function endOfFrame(bytes: Uint8Array, count: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (let frame = 0; frame < count; frame++) at = buffer.indexOf("\n\n", at) + 2;
  return at;
}
