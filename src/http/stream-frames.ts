interface Link {
  next?: Link;
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** Bytes of all frames up to and including this one. */
  readonly upTo: number;
}

const NOTHING = new Uint8Array();

/**
 * The live frames of one feed: each is encoded once, whoever many readers there are. Readers hold places in a chain, so what the slowest
 * of them has taken is collected, and a reader that is gone keeps nothing.
 */
export class SharedFrames {
  private last: Link = { seq: 0, bytes: NOTHING, upTo: 0 };
  /** What readers at the same place take at once is joined once. */
  private readonly joined = new Map<Link, Taken>();
  /** Why no frame follows any more. */
  ended: "ended" | "shutdown" | "failed" | undefined;

  push(seq: number, bytes: Uint8Array): void {
    const link: Link = { seq, bytes, upTo: this.last.upTo + bytes.byteLength };
    this.last.next = link;
    this.last = link;
    this.joined.clear();
  }

  /** The place of a reader who has seen all up to `seq`, some of which may yet be pushed. */
  placeAfter(seq: number): Place {
    return new Place(this, this.last, seq);
  }

  /** @internal for `Place` */
  tail(): Link {
    return this.last;
  }

  /** @internal Whole frames after `link`: at least one, no more than about `maxBytes`. */
  after(link: Link, maxBytes: number): Taken | undefined {
    const known = this.joined.get(link);
    if (known) return known;
    const first = link.next;
    if (!first) return undefined;
    const parts = [first.bytes];
    let to = first;
    while (to.next && to.next.upTo - link.upTo <= maxBytes) {
      to = to.next;
      parts.push(to.bytes);
    }
    const taken = { to, bytes: parts.length === 1 ? first.bytes : Buffer.concat(parts) };
    if (to === this.last) this.joined.set(link, taken);
    return taken;
  }
}

interface Taken {
  readonly to: Link;
  readonly bytes: Uint8Array;
}

/** Where one reader is. */
export class Place {
  constructor(
    private readonly frames: SharedFrames,
    private at: Link,
    private readonly seen: number,
  ) {}

  /** The next whole frames, about `maxBytes` of them; undefined when there are none yet. */
  take(maxBytes: number): Uint8Array | undefined {
    while (this.at.next && this.at.next.seq <= this.seen) this.at = this.at.next;
    const taken = this.frames.after(this.at, maxBytes);
    if (!taken) return undefined;
    this.at = taken.to;
    return taken.bytes;
  }

  /** Bytes that wait for this reader. */
  get behind(): number {
    return this.frames.tail().upTo - this.at.upTo;
  }

  /** Set once everything is taken and nothing follows. */
  get over(): SharedFrames["ended"] {
    return this.at.next ? undefined : this.frames.ended;
  }
}
