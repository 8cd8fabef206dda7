import type { Place } from "./chain.ts";

/** Who reads a channel: one connection. Called in the turn in which something happened, never before `subscribe` has returned. */
export interface Consumer {
  /** There is something to `take`, or nothing will come any more. */
  wake(): void;
  /** A frame that may be lost: write it if the connection is free. */
  offer?(bytes: Uint8Array): void;
  /** Too slow, or it threw: break the connection, so that nobody takes the stream for complete. It is no member any more. */
  cut(error?: unknown): void;
}

/** One consumer's hold on a channel. */
export interface Subscription {
  /** The next whole frames, about `maxBytes` of them; undefined when there are none yet. */
  take(maxBytes: number): Uint8Array | undefined;
  /** Everything was taken and nothing follows. */
  isOver(): boolean;
  /** Idempotent. */
  leave(): void;
}

export interface Member {
  readonly consumer: Consumer;
  readonly place: Place;
  readonly verbose: boolean;
}

/** Tokens that a consumer may be behind, besides what it found when it came. */
const MAX_BEHIND = 1024;
/** Less than this behind is keeping up. */
const NEAR = 512;

/**
 * The consumers of one channel. One that is `MAX_BEHIND` behind while another keeps up is cut; when none keeps up, upstream pauses until the
 * best of them does again.
 */
export class Audience {
  /** With the tokens that each found when it came and has not taken yet: those are not held against it. */
  private readonly members = new Map<Member, number>();
  private paused = false;

  constructor(private readonly upstream: { pause(): void; resume(): void }) {}

  get size(): number {
    return this.members.size;
  }

  join(member: Member): void {
    this.members.set(member, member.place.behind);
  }

  /** False when it has left before. */
  leave(member: Member): boolean {
    return this.members.delete(member);
  }

  /** One that throws is cut, and keeps no other from hearing of it. */
  wake(): void {
    for (const member of this.members.keys()) {
      try {
        member.consumer.wake();
      } catch (error) {
        this.members.delete(member);
        member.consumer.cut(error);
      }
    }
  }

  /** Those who have not taken what there is go without. */
  offer(bytes: Uint8Array, verbose: boolean): void {
    for (const member of this.members.keys()) if ((member.verbose || !verbose) && member.place.done) member.consumer.offer?.(bytes);
  }

  /** To be called whenever a distance has changed. */
  balance(): void {
    let nearest = Number.POSITIVE_INFINITY;
    let farthest = 0;
    for (const [member, found] of this.members) {
      const { behind } = member.place;
      if (behind < found) this.members.set(member, behind);
      if (behind < nearest) nearest = behind;
      if (behind - found > farthest) farthest = behind - found;
    }
    if (farthest >= MAX_BEHIND && nearest < NEAR) this.cutSlow();
    if (!this.paused && farthest >= MAX_BEHIND && nearest >= NEAR) this.hold(true);
    else if (this.paused && (nearest < NEAR || this.members.size === 0)) this.hold(false);
  }

  private hold(paused: boolean): void {
    this.paused = paused;
    if (paused) this.upstream.pause();
    else queueMicrotask(this.resume);
  }

  /** In a turn of its own: an engine that goes on at once would overtake what is just being taken. */
  private readonly resume = (): void => {
    if (!this.paused) this.upstream.resume();
  };

  private cutSlow(): void {
    for (const [member, found] of this.members) {
      if (member.place.behind - found < MAX_BEHIND) continue;
      this.members.delete(member);
      member.consumer.cut();
    }
  }
}
