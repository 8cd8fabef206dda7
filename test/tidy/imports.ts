import { type Node, nodesIn } from "./node.ts";
import type { Import } from "./source.ts";

const STATEMENTS = new Set(["ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration"]);

/** The import a node makes, in whatever form it is written. */
export function importOf(node: Node): Omit<Import, "line"> | undefined {
  const specifier = nodesIn(node["source"])[0]?.["value"];
  if (typeof specifier !== "string") return undefined;
  if (node.type === "ImportExpression") return { specifier, typeOnly: false };
  if (node.type === "TSImportType") return { specifier, typeOnly: true };
  if (!STATEMENTS.has(node.type)) return undefined;
  const names = nodesIn(node["specifiers"]);
  return { specifier, typeOnly: kindOf(node) === "type" || (names.length > 0 && names.every((name) => kindOf(name) === "type")) };
}

function kindOf(node: Node): unknown {
  return node["importKind"] ?? node["exportKind"];
}

/** The repository path an import leads to; undefined for packages. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The first cycle among value imports, as `a → b → a`; undefined when there is none. */
export function findCycle(edges: ReadonlyMap<string, readonly string[]>): string | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string | undefined => {
    const at = path.indexOf(file);
    if (at !== -1) return [...path.slice(at), file].join(" → ");
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of edges.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}
