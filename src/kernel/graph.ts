import { OrcoError } from "./errors.ts";

/** `from` depends on `to`: `to` comes first. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** What `from` requires of `to`; the label in pictures. */
  readonly require?: string;
}

/** Nodes in the order they were declared, which is the order within a layer. Edges to undeclared nodes are ignored: whoever reads the file reports them. */
export interface Graph {
  readonly nodes: readonly string[];
  readonly edges: readonly Edge[];
}

type Neighbours = ReadonlyMap<string, readonly string[]>;

/** Groups that may start together: each node is in the layer after its deepest dependency. `invalid` on a cycle; facts: cycle. */
export function layers(graph: Graph): string[][] {
  const uses = neighbours(graph, "from");
  const usedBy = neighbours(graph, "to");
  const missing = new Map(graph.nodes.map((node) => [node, uses.get(node)?.length ?? 0]));
  const rank = new Map(graph.nodes.map((node, index) => [node, index]));
  const found: string[][] = [];
  let layer = [...missing.keys()].filter((node) => missing.get(node) === 0);
  while (layer.length > 0) {
    found.push(layer);
    const next: string[] = [];
    for (const node of layer) {
      for (const user of usedBy.get(node) ?? []) {
        const left = (missing.get(user) ?? 0) - 1;
        missing.set(user, left);
        if (left === 0) next.push(user);
      }
    }
    layer = next.toSorted((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  }
  if (found.reduce((count, group) => count + group.length, 0) < missing.size) throw cycleError(findCycle(graph) ?? []);
  return found;
}

/** Every node after all that it depends on. `invalid` on a cycle. */
export function order(graph: Graph): string[] {
  return layers(graph).flat();
}

/** Every node before all that it depends on: the order to stop in. `invalid` on a cycle. */
export function reverseOrder(graph: Graph): string[] {
  return order(graph).toReversed();
}

/** One cycle as a closed path, `["a", "b", "c", "a"]`, starting at its first declared node; undefined when there is none. */
export function findCycle(graph: Graph): string[] | undefined {
  const uses = neighbours(graph, "from");
  const state = new Map<string, "open" | "done">();
  for (const root of graph.nodes) {
    if (state.has(root)) continue;
    // An explicit stack: a chain of thousands of services would overflow the call stack.
    const path = [{ node: root, next: 0 }];
    state.set(root, "open");
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const to = uses.get(top.node)?.[top.next++];
      if (to === undefined) {
        state.set(top.node, "done");
        path.pop();
      } else if (state.get(to) === "open") {
        const names = path.map((step) => step.node);
        return closed(names.slice(names.indexOf(to)), graph.nodes);
      } else if (!state.has(to)) {
        state.set(to, "open");
        path.push({ node: to, next: 0 });
      }
    }
  }
  return undefined;
}

/** `a → b → c → a`. */
export function formatCycle(cycle: readonly string[]): string {
  return cycle.join(" → ");
}

/** Everything `node` needs, directly or not, in declared order; without `node` itself unless it is on a cycle. */
export function dependenciesOf(graph: Graph, node: string): string[] {
  return reachable(graph, node, "from");
}

/** Everything that needs `node`, directly or not, in declared order; without `node` itself unless it is on a cycle. */
export function dependentsOf(graph: Graph, node: string): string[] {
  return reachable(graph, node, "to");
}

function reachable(graph: Graph, node: string, side: "from" | "to"): string[] {
  const adjacent = neighbours(graph, side);
  const seen = new Set<string>();
  const waiting = [node];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const next of adjacent.get(at) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return graph.nodes.filter((name) => seen.has(name));
}

/** `from`: node → what it depends on. `to`: node → what depends on it. Parallel edges count once. */
function neighbours(graph: Graph, side: "from" | "to"): Neighbours {
  const found = new Map(graph.nodes.map((node) => [node, new Set<string>()]));
  for (const edge of graph.edges) {
    const other = side === "from" ? edge.to : edge.from;
    if (found.has(other)) found.get(edge[side])?.add(other);
  }
  return new Map([...found].map(([node, set]) => [node, [...set]]));
}

function closed(cycle: string[], declared: readonly string[]): string[] {
  const first = declared.find((node) => cycle.includes(node)) ?? "";
  const start = Math.max(0, cycle.indexOf(first));
  return [...cycle.slice(start), ...cycle.slice(0, start), first];
}

function cycleError(cycle: readonly string[]): OrcoError {
  return new OrcoError("invalid", `dependency cycle: ${formatCycle(cycle)}`, { cycle });
}
