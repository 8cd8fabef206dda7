import type { GraphView } from "../http/services.ts";

/**
 * The graph as trees: on top what nothing depends on, below each service what it needs. A service that was shown with its own needs
 * before is not unfolded again, so a diamond of a thousand services prints a line an edge at most.
 */
export function graphText(graph: GraphView): string {
  const needs = Map.groupBy(graph.edges, (edge) => edge.from);
  const needed = new Set(graph.edges.map((edge) => edge.to));
  const roots = graph.nodes.map((node) => node.service).filter((service) => !needed.has(service));
  const unfolded = new Set<string>();
  const lines: string[] = [];
  // An explicit stack, as chains may be longer than the call stack is deep.
  const waiting = roots.toReversed().map((service) => ({ service, line: service, indent: "" }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { service, line, indent } = next;
    const below = needs.get(service) ?? [];
    const again = unfolded.has(service) && below.length > 0;
    lines.push(again ? `${line} …` : line);
    if (again) continue;
    unfolded.add(service);
    waiting.push(
      ...below
        .map((edge, at) => {
          const last = at === below.length - 1;
          return {
            service: edge.to,
            line: `${indent}${last ? "└─" : "├─"} ${edge.to} (${edge.require})`,
            indent: `${indent}${last ? "   " : "│  "}`,
          };
        })
        .toReversed(),
    );
  }
  return lines.join("\n");
}
