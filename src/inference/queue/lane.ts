import { FlowHeap, roundOf } from "./flow-heap.ts";
import { type Lengths, Tally } from "./tally.ts";
import { append, detach, type Entry, type Flow, newEntry, newFlow, type Waiting } from "./waiting.ts";

/**
 * What waits of one class: deficit round robin between keys (Shreedhar and Varghese, SIGCOMM 1995) with a quantum of 1, first come first served within one. As costs are whole
 * quanta, a head starts in exactly the round in which its key has been given its cost, so the ring need not be walked: the least (round, place in the ring) is next.
 */
export class Lane {
  private readonly heap = new FlowHeap();
  private readonly byKey = new Map<string, Flow>();
  private round = 0;
  private nextTurn = 0;
  private newest: Entry | undefined;
  /** No task starts in a later round, or in this one after the flow of this turn. */
  private bound = { round: 0, turn: 0 };
  /** Starts after all others, as far as that is known without looking at them. */
  private last: Entry | undefined;
  /** In order of arrival. */
  oldest: Entry | undefined;
  readonly all = new Tally();

  add(task: Waiting): Entry {
    const flow = this.byKey.get(task.key) ?? newFlow(task.key, { turn: this.nextTurn++, start: this.round });
    const entry = newEntry(task, flow);
    append(flow, entry);
    if (flow.tally.tasks === 1) {
      this.byKey.set(task.key, flow);
      this.heap.add(flow);
    }
    entry.older = this.newest;
    if (this.newest) this.newest.newer = entry;
    else this.oldest = entry;
    this.newest = entry;
    this.all.add(task);
    this.markLast(entry);
    return entry;
  }

  /** Nobody starts later than they were to when they came: what was past the bound once stays the last until somebody comes who is past that. */
  private markLast(entry: Entry): void {
    const { start, cost, turn } = entry.flow;
    const round = start + cost;
    if (round < this.bound.round || (round === this.bound.round && turn < this.bound.turn)) return;
    this.bound = { round, turn };
    this.last = entry;
  }

  next(): Entry | undefined {
    return this.heap.first?.head;
  }

  /** Its key has paid for it. */
  start(entry: Entry): void {
    this.round = roundOf(entry.flow);
    entry.flow.start = this.round;
    this.leave(entry);
  }

  /** Out of turn: its key has not paid for it. */
  remove(entry: Entry): void {
    if (this.last?.flow === entry.flow) this.last = undefined; // it moves up now
    this.leave(entry);
  }

  private leave(entry: Entry): void {
    if (this.last === entry) this.last = undefined;
    const { flow } = entry;
    const wasHead = flow.head === entry;
    detach(flow, entry);
    this.unchain(entry);
    this.all.subtract(entry.task);
    if (!flow.head) {
      this.byKey.delete(flow.key);
      this.heap.remove(flow);
    } else if (wasHead) {
      flow.start = startOf(flow, flow.head, this.round);
      this.heap.moved(flow);
    }
  }

  private unchain(entry: Entry): void {
    if (entry.older) entry.older.newer = entry.newer;
    else this.oldest = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else this.newest = entry.older;
  }

  /** What of this lane starts before the entry, once everything that came at or before `gone` has left out of turn. */
  ahead(entry: Entry, gone: number): Lengths {
    const own = entry.flow;
    const first = firstAfter(own, gone);
    if (entry === this.last && first === own.head) return this.allBut(entry, gone);
    const round = startOf(own, first ?? entry, this.round) + costThrough(own, first, entry);
    const sum = new Tally();
    for (const flow of this.heap.flows) {
      const head = flow === own ? first : firstAfter(flow, gone);
      if (!head) continue;
      if (flow === own) addUntil(sum, head, entry);
      else addWithin(sum, head, round - startOf(flow, head, this.round) - (flow.turn < own.turn ? 0 : 1));
    }
    return sum;
  }

  private allBut(entry: Entry, gone: number): Lengths {
    const sum = new Tally().addAll(this.all);
    sum.subtract(entry.task);
    for (let each = this.oldest; each && each.task.at <= gone; each = each.newer) sum.subtract(each.task);
    return sum;
  }

  /** What came at or before `time`, and before the entry. */
  arrivedBy(time: number, entry: Entry): Lengths {
    const sum = new Tally();
    for (let each = this.oldest; each && each !== entry && each.task.at <= time; each = each.newer) sum.add(each.task);
    return sum;
  }
}

/** What a key has been given while an expensive head waited is not kept for a burst of cheap ones when that head leaves. */
function startOf(flow: Flow, head: Entry, round: number): number {
  return Math.max(flow.start, round - head.cost);
}

function firstAfter({ head }: Flow, gone: number): Entry | undefined {
  let entry = head;
  while (entry && entry.task.at <= gone) entry = entry.after;
  return entry;
}

function costThrough(flow: Flow, first: Entry | undefined, last: Entry): number {
  if (first === flow.head && last === flow.tail) return flow.cost;
  let cost = last.cost;
  for (let entry = first; entry && entry !== last; entry = entry.after) cost += entry.cost;
  return cost;
}

function addUntil(sum: Tally, first: Entry, end: Entry): void {
  const { flow } = end;
  if (first === flow.head && end === flow.tail) sum.addAll(flow.tally).subtract(end.task);
  else for (let entry: Entry | undefined = first; entry && entry !== end; entry = entry.after) sum.add(entry.task);
}

/** Those from `head` on that the cost pays for: counted from whichever end is nearer. Who has just come is last in its flow, so near the end of others. */
function addWithin(sum: Tally, head: Entry, cost: number): void {
  const { flow } = head;
  if (head === flow.head && 2 * cost >= flow.cost) return addBackwards(sum, flow, cost);
  let left = cost;
  for (let entry: Entry | undefined = head; entry && entry.cost <= left; entry = entry.after) {
    left -= entry.cost;
    sum.add(entry.task);
  }
}

function addBackwards(sum: Tally, flow: Flow, cost: number): void {
  sum.addAll(flow.tally);
  let over = flow.cost - cost;
  for (let entry = flow.tail; entry && over > 0; entry = entry.before) {
    over -= entry.cost;
    sum.subtract(entry.task);
  }
}
