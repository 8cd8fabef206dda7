import type { JsonObject } from "../../kernel/event.ts";
import { MAX_LINE_BYTES } from "./cut.ts";
import type { Level } from "./level.ts";
import type { Redactor } from "./redact.ts";

/** A line of orco's own. */
export interface Note {
  readonly level: Level;
  readonly message: string;
  readonly replica: number;
  readonly meta?: JsonObject;
}

/** Notes that wait for a disk that takes them; beyond that the oldest are dropped and counted. */
const MAX_WAITING = 256;

export class Notes {
  private readonly waiting: Note[] = [];

  add(note: Note, counts: { dropped: number }): void {
    this.waiting.push(note);
    if (this.waiting.length <= MAX_WAITING) return;
    this.waiting.shift();
    counts.dropped += 1;
  }

  /** Hands on the oldest as long as they are taken. */
  write(take: (note: Note) => boolean): void {
    for (let note = this.waiting[0]; note && take(note); note = this.waiting[0]) this.waiting.shift();
  }

  encode(note: Note, { service, redactor, ts, seq }: { service: string; redactor: Redactor | undefined; ts: number; seq: number }): Buffer {
    const clean = redactor?.clean ?? ((text: string) => text);
    const record = {
      timestamp: new Date(ts).toISOString(),
      service,
      replica: note.replica,
      level: note.level,
      message: clean(note.message.slice(0, MAX_LINE_BYTES)),
      source: "orco",
      ...(note.meta && { meta: note.meta }),
      seq,
    };
    return Buffer.from(`${JSON.stringify(record, (_key, value: unknown) => (typeof value === "string" ? clean(value) : value))}\n`);
  }
}
