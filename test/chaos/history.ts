import { expect } from "bun:test";
import type { Client } from "../../src/client/client.ts";
import type { EventView } from "../../src/client/wire.ts";
import type { ChaosRig } from "./rig.ts";

interface Row {
  readonly seq: number;
  readonly topic: string;
  readonly topic_seq: number;
  readonly type: string;
  readonly ts: number;
  readonly data: string;
}

/** What was promised to those outside: events given to a follower, runs answered with 202. Later the journal must hold all of it. */
export class History {
  readonly seen: EventView[] = [];
  readonly runs = new Set<string>();
  private readonly over = new AbortController();
  private readonly following: Promise<void>;

  constructor(client: Client) {
    this.following = this.follow(client);
  }

  private async follow(client: Client): Promise<void> {
    for await (const event of client.events({ signal: this.over.signal })) this.seen.push(event);
  }

  /** Ends the following; throws what ended it early. */
  async stop(): Promise<void> {
    this.over.abort();
    await this.following;
  }

  /** The newest seq the follower has been given. */
  get head(): number {
    return this.seen.at(-1)?.seq ?? 0;
  }

  /** Every event once and in order, every number once, every run that was acknowledged at its end. Returns the count of events on disk. */
  check(rig: ChaosRig): number {
    const rows = rig.rows<Row>("SELECT seq, topic, topic_seq, type, ts, data FROM events ORDER BY seq");
    const topics = new Map<string, number>();
    for (const [n, { seq, topic, topic_seq: topicSeq }] of rows.entries()) {
      if (seq !== n + 1) throw new Error(`seq ${seq} stands at place ${n + 1}`);
      if (topicSeq !== (topics.get(topic) ?? 0) + 1) throw new Error(`${topic} has ${topicSeq} after ${topics.get(topic)}`);
      topics.set(topic, topicSeq);
    }
    for (const [n, event] of this.seen.entries()) {
      if (event.seq !== n + 1) throw new Error(`the follower was given seq ${event.seq} as number ${n + 1}`);
      const row = rows[event.seq - 1];
      if (!row) throw new Error(`event ${event.seq} (${event.type}) was given to a follower and is not on disk`);
      expect(event).toMatchObject({ ...dataOf(row), topic: row.topic, type: row.type, ts: new Date(row.ts).toISOString() });
    }
    this.checkRuns(rig);
    return rows.length;
  }

  private checkRuns(rig: ChaosRig): void {
    const status = new Map(rig.rows<{ id: string; status: string }>("SELECT id, status FROM runs").map((row) => [row.id, row.status]));
    const wrong = [...this.runs].filter((id) => !["completed", "failed", "cancelled"].includes(status.get(id) ?? "missing"));
    expect(wrong.map((id) => `${id} ${status.get(id) ?? "missing"}`)).toEqual([]);
  }
}

/** Without the status of a run and its steps, which has other names on the wire. */
function dataOf({ topic, data }: Row): object {
  const { status, ...rest } = JSON.parse(data) as { status?: unknown };
  return topic.startsWith("run/") || status === undefined ? rest : { status, ...rest };
}
