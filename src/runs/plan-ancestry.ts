import { order } from "../kernel/graph.ts";
import type { Plan } from "./plan.ts";

/** Tells whether `step` needs `other`, directly or not. One bit for each pair, computed when first asked: 12 MB for 10,000 steps. The plan has no cycle. */
export function ancestry({ steps }: Plan, indexes: ReadonlyMap<string, number>): (step: string, other: string) => boolean {
  const words = Math.ceil(steps.length / 32);
  let bits: Uint32Array | undefined;
  return (step, other) => {
    bits ??= compute();
    const row = indexes.get(step) ?? 0;
    const column = indexes.get(other) ?? 0;
    return ((bits[row * words + (column >>> 5)] ?? 0) & (1 << (column & 31))) !== 0;
  };

  function compute(): Uint32Array {
    const table = new Uint32Array(steps.length * words);
    const graph = { nodes: steps.map(({ id }) => id), edges: steps.flatMap(({ id, needs }) => needs.map((to) => ({ from: id, to }))) };
    for (const id of order(graph)) {
      const row = indexes.get(id) ?? 0;
      for (const need of steps[row]?.needs ?? []) inherit(table, row, indexes.get(need) ?? 0);
    }
    return table;
  }

  function inherit(table: Uint32Array, row: number, from: number): void {
    const to = row * words;
    const source = from * words;
    for (let word = 0; word < words; word++) table[to + word] = (table[to + word] ?? 0) | (table[source + word] ?? 0);
    const own = to + (from >>> 5);
    table[own] = (table[own] ?? 0) | (1 << (from & 31));
  }
}
