import type { Flow } from "./waiting.ts";

/** The round in which the head of a flow starts. */
export function roundOf(flow: Flow): number {
  return flow.start + (flow.head?.cost ?? 0);
}

function isBefore(a: Flow, b: Flow): boolean {
  const difference = roundOf(a) - roundOf(b);
  return difference === 0 ? a.turn < b.turn : difference < 0;
}

/**
 * Flows by the round of their head, then by their place in the ring. A ring that is walked round by round would take as many steps as a task has quanta, times the keys, for one
 * task; this takes the logarithm of the keys at worst. A newcomer belongs near the end, and so does most of what is taken out: both cost the same at any depth.
 */
export class FlowHeap {
  /** In no order that matters but the heap's. */
  readonly flows: Flow[] = [];

  get first(): Flow | undefined {
    return this.flows[0];
  }

  add(flow: Flow): void {
    this.flows.push(flow);
    this.up(flow, this.flows.length - 1);
  }

  remove(flow: Flow): void {
    const last = this.flows.pop();
    if (last === undefined || last === flow) return;
    last.index = flow.index;
    this.moved(last);
  }

  /** The round of the flow has changed, or it is new at this index. */
  moved(flow: Flow): void {
    if (this.up(flow, flow.index) === flow.index) this.down(flow);
  }

  private up(flow: Flow, from: number): number {
    let index = from;
    while (index > 0) {
      const parent = this.flows[(index - 1) >> 1];
      if (!parent || !isBefore(flow, parent)) break;
      this.put(parent, index);
      index = (index - 1) >> 1;
    }
    this.put(flow, index);
    return index;
  }

  private down(flow: Flow): void {
    let { index } = flow;
    for (;;) {
      let child = this.flows[2 * index + 1];
      const other = this.flows[2 * index + 2];
      if (child && other && isBefore(other, child)) child = other;
      if (!child || !isBefore(child, flow)) break;
      const next = child.index;
      this.put(child, index);
      index = next;
    }
    this.put(flow, index);
  }

  private put(flow: Flow, index: number): void {
    this.flows[index] = flow;
    flow.index = index;
  }
}
