import type { GraphView } from "../http/services.ts";
import { alignRows } from "../terminal/table.ts";

/** Who waits for whom, a line a service, those first that wait for nobody: however deep the graph, it is no wider than its longest list. */
export function graphLines({ nodes, edges }: GraphView): string[] {
  const needs = Map.groupBy(edges, (edge) => edge.from);
  const rows = nodes
    .toSorted((a, b) => a.layer - b.layer)
    .map(({ service, layer, state }) => [
      String(layer),
      service,
      state ?? "-",
      (needs.get(service) ?? []).map(({ to, require }) => `${to} (${require})`).join(", "),
    ]);
  return alignRows([["LAYER", "SERVICE", "STATE", "WAITS FOR"], ...rows]).split("\n");
}
