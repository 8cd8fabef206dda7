import type { EventLog, JournalEvent } from "../kernel/event.ts";

type Journal = EventLog & { head(topic?: string): number; firstAvailable(topic?: string): number };

/** More than this are not worth a look each: the journal is read through. */
const MAX_TOPICS = 8;

/** Whether the events of these topics are found by the index of each; a journal of millions is not read through for the few of a run. */
export function areFew(topics: readonly string[]): boolean {
  return topics.length > 0 && topics.length <= MAX_TOPICS && topics.every((topic) => !topic.endsWith("*"));
}

/** Events of exact topics after a global seq, oldest first. */
export function readTopics(
  journal: Journal,
  topics: readonly string[],
  { after, limit }: { after: number; limit: number },
): JournalEvent[] {
  const found = topics.flatMap((topic) => journal.read({ topic, after: placeOf(journal, topic, after), limit }));
  return topics.length === 1 ? found : found.toSorted((a, b) => a.seq - b.seq).slice(0, limit);
}

/** The topicSeq of the topic's last event up to a global seq. Both grow together, so it is halved down to. */
function placeOf(journal: Journal, topic: string, seq: number): number {
  let low = journal.firstAvailable(topic) - 1;
  let high = seq === 0 ? low : journal.head(topic);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const event = journal.read({ topic, after: middle - 1, limit: 1 })[0];
    if (event === undefined || event.seq > seq) high = middle - 1;
    else low = middle;
  }
  return low;
}
