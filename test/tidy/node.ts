/** A node of the ESTree that oxc-parser returns; the rules need no more of its type than this. */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** The nodes in one field of a node: none, one, or the members of a list. */
export function nodesIn(value: unknown): Node[] {
  const candidates: unknown[] = Array.isArray(value) ? value : [value];
  return candidates.filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}
