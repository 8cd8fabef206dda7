import type { Graph } from "./graph.ts";

/** Graphviz. Arrows run from a service to what it depends on; the label is the requirement. */
export function toDot(graph: Graph, name = "stack"): string {
  const nodes = graph.nodes.map((node) => `  ${dotQuoted(node)};`);
  const edges = graph.edges.map(({ from, to, require }) => {
    const label = require === undefined ? "" : ` [label=${dotQuoted(require)}]`;
    return `  ${dotQuoted(from)} -> ${dotQuoted(to)}${label};`;
  });
  return [`digraph ${dotQuoted(name)} {`, "  rankdir=LR;", "  node [shape=box];", ...nodes, ...edges, "}", ""].join("\n");
}

/** A mermaid flowchart. Nodes get ids of their own, because names such as `end` or `a.b` are no mermaid ids. */
export function toMermaid(graph: Graph): string {
  const ids = new Map(graph.nodes.map((node, index) => [node, `n${index}`]));
  const nodes = [...ids].map(([node, id]) => `  ${id}[${mermaidQuoted(node)}]`);
  const edges = graph.edges.flatMap(({ from, to, require }) => {
    const [left, right] = [ids.get(from), ids.get(to)];
    if (!left || !right) return [];
    return [`  ${left} -->${require === undefined ? "" : `|${mermaidQuoted(require)}|`} ${right}`];
  });
  return ["flowchart LR", ...nodes, ...edges, ""].join("\n");
}

function dotQuoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

function mermaidQuoted(text: string): string {
  return `"${text.replaceAll("#", "#35;").replaceAll('"', "#quot;").replaceAll("\n", " ")}"`;
}
