import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { OrcoError } from "./errors.ts";
import { dependenciesOf, dependentsOf, findCycle, formatCycle, layers, order, reverseOrder, type Graph } from "./graph.ts";
import { toDot, toMermaid } from "./graph-picture.ts";

const shop: Graph = {
  nodes: ["web", "api", "db", "cache", "mail"],
  edges: [
    { from: "web", to: "api", require: "ready" },
    { from: "api", to: "db", require: "ready" },
    { from: "api", to: "cache", require: "started" },
  ],
};

const ring: Graph = {
  nodes: ["x", "a", "b", "c"],
  edges: [
    { from: "x", to: "c" },
    { from: "c", to: "a" },
    { from: "a", to: "b" },
    { from: "b", to: "c" },
  ],
};

describe("order", () => {
  test("layers hold what may start together, in declared order", () => {
    expect(layers(shop)).toEqual([["db", "cache", "mail"], ["api"], ["web"]]);
    expect(order(shop)).toEqual(["db", "cache", "mail", "api", "web"]);
    expect(reverseOrder(shop)).toEqual(["web", "api", "mail", "cache", "db"]);
    expect(layers({ nodes: [], edges: [] })).toEqual([]);
  });

  test("undeclared targets and repeated edges change nothing", () => {
    const edges = [...shop.edges, ...shop.edges, { from: "db", to: "nowhere" }, { from: "nowhere", to: "db" }];
    expect(layers({ nodes: shop.nodes, edges })).toEqual(layers(shop));
  });

  test("reach", () => {
    expect(dependenciesOf(shop, "web")).toEqual(["api", "db", "cache"]);
    expect(dependentsOf(shop, "db")).toEqual(["web", "api"]);
    expect(dependentsOf(shop, "mail")).toEqual([]);
    expect(dependenciesOf(ring, "a")).toEqual(["a", "b", "c"]);
  });

  test("a chain of 20,000 does not overflow", () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) => `s${i}`);
    const edges = nodes.slice(1).map((from, i) => ({ from, to: `s${i}` }));
    expect(order({ nodes, edges })).toEqual(nodes);
    expect(findCycle({ nodes: nodes.toReversed(), edges })).toBeUndefined();
  });
});

describe("cycles", () => {
  test("are shown as a path from the first declared service", () => {
    expect(formatCycle(findCycle(ring) ?? [])).toBe("a → b → c → a");
    expect(findCycle({ nodes: ["a"], edges: [{ from: "a", to: "a" }] })).toEqual(["a", "a"]);
  });

  test("make order fail as invalid, with the path", () => {
    const thrown = (() => {
      try {
        return order(ring);
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(OrcoError);
    expect(thrown).toMatchObject({ code: "invalid", message: "dependency cycle: a → b → c → a", facts: { cycle: ["a", "b", "c", "a"] } });
  });
});

describe("any graph", () => {
  const graphs = fc.integer({ min: 1, max: 9 }).chain((size) => {
    const node = fc.nat({ max: size - 1 }).map((n) => `n${n}`);
    const edges = fc.array(fc.record({ from: node, to: node }), { maxLength: 14 });
    return edges.map((list): Graph => ({ nodes: Array.from({ length: size }, (_, i) => `n${i}`), edges: list }));
  });

  test("either has an order that respects every edge, or a cycle made of its edges", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const cycle = findCycle(graph);
        expect(cycle !== undefined).toBe(graph.nodes.some((node) => reaches(graph, node, node)));
        if (cycle) {
          expect(cycle.length).toBeGreaterThan(1);
          expect(cycle[0]).toBe(cycle.at(-1) ?? "");
          expect(new Set(cycle).size).toBe(cycle.length - 1);
          for (const [i, to] of cycle.slice(1).entries()) expect(graph.edges).toContainEqual({ from: cycle[i] ?? "", to });
          expect(() => layers(graph)).toThrow(OrcoError);
          return;
        }
        const place = new Map(order(graph).map((node, i) => [node, i]));
        expect(place.size).toBe(graph.nodes.length);
        for (const { from, to } of graph.edges) expect(place.get(to) ?? Number.NaN).toBeLessThan(place.get(from) ?? Number.NaN);
      }),
      { numRuns: 500 },
    );
  });

  test("dependents are the inverse of dependencies", () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        for (const node of graph.nodes) {
          expect(dependenciesOf(graph, node)).toEqual(graph.nodes.filter((other) => reaches(graph, node, other)));
          expect(dependentsOf(graph, node)).toEqual(graph.nodes.filter((other) => reaches(graph, other, node)));
        }
      }),
    );
  });
});

describe("pictures", () => {
  const small: Graph = {
    nodes: ["end", 'we"b'],
    edges: [
      { from: 'we"b', to: "end", require: "ready" },
      { from: "end", to: "end" },
    ],
  };

  test("dot", () => {
    expect(toDot(small)).toBe(
      [
        'digraph "stack" {',
        "  rankdir=LR;",
        "  node [shape=box];",
        '  "end";',
        '  "we\\"b";',
        '  "we\\"b" -> "end" [label="ready"];',
        '  "end" -> "end";',
        "}",
        "",
      ].join("\n"),
    );
  });

  test("mermaid", () => {
    expect(toMermaid(small)).toBe(
      ["flowchart LR", '  n0["end"]', '  n1["we#quot;b"]', '  n1 -->|"ready"| n0', "  n0 --> n0", ""].join("\n"),
    );
  });
});

/** The slow, obvious way. */
function reaches(graph: Graph, from: string, to: string): boolean {
  const seen = new Set<string>();
  for (let grew = true; grew;) {
    const found = graph.edges.filter((edge) => (edge.from === from || seen.has(edge.from)) && !seen.has(edge.to));
    grew = found.length > 0;
    for (const edge of found) seen.add(edge.to);
  }
  return seen.has(to);
}
