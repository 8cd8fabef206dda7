/**
 * Appends to the journal named by its argument until it is killed, from several appenders at once, and prints
 * `<seq> <topic> <topicSeq> <id>` for an event once its append was acknowledged. Each event has a row in `meta`, keyed by its id.
 */
import { writeSync } from "node:fs";
import { systemClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import { Journal } from "../../src/kernel/journal.ts";

const APPENDERS = 8;
const TOPICS = 5;

const clock = systemClock();
const journal = Journal.open({ path: process.argv[2] ?? "", clock });

async function appendForever(appender: number): Promise<never> {
  for (let n = 0; ; n++) {
    const id = uuidv7(clock);
    const event = { topic: `run/${(appender + n) % TOPICS}`, type: "chaos.event", data: { id, filler: "x".repeat(n % 2000) } };
    const stored = await journal.append([event], [{ sql: "INSERT INTO meta (key, value) VALUES (?, ?)", params: [id, event.topic] }]);
    for (const { seq, topic, topicSeq } of stored) writeSync(1, `${seq} ${topic} ${topicSeq} ${id}\n`);
  }
}

await Promise.all(Array.from({ length: APPENDERS }, (_, appender) => appendForever(appender)));
