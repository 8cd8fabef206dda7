import type { Waiting } from "./store.ts";

/** Higher priority first, then the older one: ids sort by age. */
export function isBefore(a: Waiting, b: Waiting): boolean {
  return a.priority === b.priority ? a.id < b.id : a.priority > b.priority;
}

/** Runs that wait, the next one on top. What is taken out of the middle stays until it comes up, or until such runs are the most. */
export class WaitingHeap {
  private heap: Waiting[] = [];
  private readonly present = new Map<string, Waiting>();

  get size(): number {
    return this.present.size;
  }

  add(run: Waiting): void {
    if (this.present.has(run.id)) return;
    this.present.set(run.id, run);
    this.heap.push(run);
    this.up(this.heap.length - 1);
  }

  remove(id: string): boolean {
    if (!this.present.delete(id)) return false;
    if (this.heap.length > 64 && this.heap.length > 2 * this.present.size) this.heap = [...this.present.values()].toSorted(compare);
    return true;
  }

  peek(): Waiting | undefined {
    for (let top = this.heap[0]; top; top = this.heap[0]) {
      if (this.present.get(top.id) === top) return top;
      this.drop();
    }
    return undefined;
  }

  pop(): Waiting | undefined {
    const top = this.peek();
    if (top) this.present.delete(top.id);
    return top;
  }

  private drop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    this.heap[0] = last;
    this.down(0);
  }

  private up(from: number): void {
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  private down(from: number): void {
    for (let at = from; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const child = this.isBeforeAt(right, left) ? right : left;
      if (!this.swapIfBefore(child, at)) return;
      at = child;
    }
  }

  private isBeforeAt(a: number, b: number): boolean {
    const [one, other] = [this.heap[a], this.heap[b]];
    return one !== undefined && other !== undefined && isBefore(one, other);
  }

  private swapIfBefore(a: number, b: number): boolean {
    const [one, other] = [this.heap[a], this.heap[b]];
    if (one === undefined || other === undefined || !isBefore(one, other)) return false;
    this.heap[a] = other;
    this.heap[b] = one;
    return true;
  }
}

function compare(a: Waiting, b: Waiting): number {
  if (a.id === b.id) return 0;
  return isBefore(a, b) ? -1 : 1;
}
