import type { Availability } from "./model.ts";

/** Which models are where. `holders`: by model, the nodes that have it. */
export function availabilityOf(holders: ReadonlyMap<string, ReadonlySet<string>>): Availability {
  const models = [...holders].filter(([, nodes]) => nodes.size > 0).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const nodes = new Map<string, string[]>();
  for (const [model, of] of models) for (const node of of) nodes.set(node, [...(nodes.get(node) ?? []), model]);
  const ids = (wanted: (count: number) => boolean): string[] => models.filter(([, of]) => wanted(of.size)).map(([model]) => model);
  return {
    nodes: [...nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([node_id, models]) => ({ node_id, models })),
    total_models: models.length,
    replicated_models: ids((count) => count >= 2),
    single_node_models: ids((count) => count === 1),
  };
}
