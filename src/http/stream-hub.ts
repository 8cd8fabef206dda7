import type { Clock } from "../kernel/clock.ts";
import type { EventLog, JournalEvent } from "../kernel/event.ts";
import type { Feed } from "./feed.ts";
import { endFrame } from "./run-frames.ts";
import { encodeFrame } from "./sse.ts";
import { type Place, SharedFrames } from "./stream-frames.ts";
import { Rounds } from "./stream-rounds.ts";

/** A feed as its readers share it. */
export interface Subject {
  readonly feed: Feed;
  /** The status an event ends the stream with. */
  readonly endOf: (event: JournalEvent) => string | undefined;
}

export interface Reader {
  /** Something may have come, or will never come any more. */
  give(): void;
}

/** The live end of one feed, for all who read it. */
export interface Hub {
  readonly subject: Subject;
  readonly frames: SharedFrames;
  readonly readers: Set<Reader>;
}

/** A reader's hold on a hub. */
export interface Joined {
  readonly place: Place;
  readonly leave: () => void;
}

export type Journal = EventLog & { head(): number };

/** The one follower of the journal, and the hubs it feeds: while nobody reads there is none. */
export class LiveEvents {
  private readonly rounds: Rounds;
  private readonly hubs = new Map<string, Hub>();
  /** By the one topic they are about; under "" those about several. */
  private readonly byTopic = new Map<string, Set<Hub>>();
  private following: AbortController | undefined;

  constructor(
    private readonly journal: Journal,
    clock: Clock,
  ) {
    this.rounds = new Rounds(clock);
  }

  /** From now on the reader gets every event that is committed; of what is committed already, it has seen all up to `seen`. */
  join(subject: Subject, reader: Reader, seen: number): Joined {
    const hub = this.hubs.get(subject.feed.key) ?? this.add(subject);
    hub.readers.add(reader);
    return { place: hub.frames.placeAfter(seen), leave: () => this.leave(hub, reader) };
  }

  private add(subject: Subject): Hub {
    const { key, topic = "" } = subject.feed;
    const hub: Hub = { subject, frames: new SharedFrames(), readers: new Set() };
    this.hubs.set(key, hub);
    this.byTopic.set(topic, (this.byTopic.get(topic) ?? new Set()).add(hub));
    if (!this.following) void this.follow((this.following = new AbortController()).signal);
    return hub;
  }

  private leave(hub: Hub, reader: Reader): void {
    hub.readers.delete(reader);
    if (hub.readers.size > 0) return;
    const { key, topic = "" } = hub.subject.feed;
    if (this.hubs.get(key) !== hub) return;
    this.hubs.delete(key);
    const group = this.byTopic.get(topic);
    group?.delete(hub);
    if (group?.size === 0) this.byTopic.delete(topic);
    if (this.hubs.size > 0) return;
    this.following?.abort();
    this.following = undefined;
  }

  private async follow(signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.journal.follow({ after: this.journal.head(), signal })) this.dispatch(event);
      if (!signal.aborted) this.end("shutdown");
    } catch {
      // Each stream breaks off, and its client learns why when it comes back.
      this.end("failed");
    }
  }

  private dispatch(event: JournalEvent): void {
    const encoded = new Map<string, Uint8Array>();
    for (const topic of [event.topic, ""]) {
      for (const hub of this.byTopic.get(topic) ?? []) {
        const { feed } = hub.subject;
        if (hub.frames.ended || !feed.accepts(event)) continue;
        const bytes = encoded.get(feed.shape) ?? bytesOf(encodeFrame(feed.frame(event)));
        encoded.set(feed.shape, bytes);
        this.push(hub, event, bytes);
      }
    }
  }

  private push(hub: Hub, event: JournalEvent, bytes: Uint8Array): void {
    const { frames, subject } = hub;
    const seq = subject.feed.seqOf(event);
    frames.push(seq, bytes);
    const end = subject.endOf(event);
    if (end !== undefined) {
      frames.push(seq, bytesOf(encodeFrame(endFrame(subject.feed.topic, end))));
      frames.ended = "ended";
    }
    this.rounds.soon(hub);
  }

  private end(why: "shutdown" | "failed"): void {
    this.following = undefined;
    const ended = [...this.hubs.values()];
    this.hubs.clear();
    this.byTopic.clear();
    for (const hub of ended) {
      hub.frames.ended ??= why;
      this.rounds.soon(hub);
    }
  }
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
