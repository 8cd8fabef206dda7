import type { Entry, Mapping, Node, Scalar } from "../load/source.ts";
import type { Tag } from "./compose-file.ts";
import { known } from "./values.ts";

/** Replaced as a whole, though lists: a command is not two commands. */
const REPLACED = new Set(["command", "entrypoint", "test"]);
/** `[A=1]` and `{A: 1}` say the same, and are merged by name. */
const BY_NAME: Readonly<Record<string, string>> = {
  environment: "=",
  labels: "=",
  args: "=",
  annotations: "=",
  sysctls: "=",
  extra_hosts: ":",
  additional_contexts: "=",
};

type TagOf = (entry: Entry) => Tag | undefined;

/** `over` on top of `under`, as compose merges override files and `extends`. */
export function mergeCompose(under: Mapping, over: Mapping, tagOf: TagOf): Mapping {
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const tag = tagOf(entry);
    const below = entries.get(key);
    if (tag === "reset") entries.delete(key);
    else if (tag === "override" || !below) entries.set(key, entry);
    else entries.set(key, { keyAt: entry.keyAt, value: mergedValue(key, below.value, { value: entry.value, tagOf }) });
  }
  return { ...over, entries };
}

function mergedValue(key: string, under: Node, { value: over, tagOf }: { value: Node; tagOf: TagOf }): Node {
  if (isNull(over)) return under;
  if (isNull(under) || REPLACED.has(key)) return over;
  const [low, high] = [named(key, under), named(key, over)];
  if (low.kind === "map" && high.kind === "map") {
    // Options of another driver mean nothing to this one.
    if (key === "logging" && driverOf(low) !== undefined && driverOf(high) !== undefined && driverOf(low) !== driverOf(high)) return high;
    return mergeCompose(low, high, tagOf);
  }
  if (low.kind === "map" || high.kind === "map") return high;
  if (low.kind === "scalar" && high.kind === "scalar" && !ONE_OR_MORE.has(key)) return high;
  return { ...high, kind: "list", items: distinct(key, [...itemsOf(low), ...itemsOf(high)]) };
}

const ONE_OR_MORE = new Set(["env_file", "dns", "dns_search", "tmpfs", "label_file"]);

/** Lists that are mappings in another form become mappings; a text for `build` its context. */
function named(key: string, node: Node): Node {
  if (key === "build" && node.kind === "scalar") return mapping(node, [["context", node]]);
  if (node.kind !== "list") return node;
  if (key === "depends_on")
    return mapping(
      node,
      node.items.map((item) => [textIn(item), mapping(item, [["condition", scalar(item, "service_started")]])]),
    );
  if (key === "networks")
    return mapping(
      node,
      node.items.map((item) => [textIn(item), scalar(item, null)]),
    );
  const separator = known(BY_NAME, key);
  if (separator === undefined) return node;
  return mapping(
    node,
    node.items.map((item) => {
      const text = textIn(item);
      const cut = text.indexOf(separator);
      return cut === -1 ? [text, scalar(item, null)] : [text.slice(0, cut), scalar(item, text.slice(cut + 1))];
    }),
  );
}

function mapping(at: Node, pairs: readonly (readonly [string, Node])[]): Mapping {
  const { file, start, end } = at;
  return { kind: "map", file, start, end, entries: new Map(pairs.map(([key, value]) => [key, { keyAt: { file, start, end }, value }])) };
}

function scalar({ file, start, end }: Node, value: string | null): Scalar {
  return { kind: "scalar", file, start, end, value, text: value ?? "" };
}

function itemsOf(node: Node): readonly Node[] {
  return node.kind === "list" ? node.items : [node];
}

function textIn(node: Node): string {
  return node.kind === "scalar" ? node.text : "";
}

function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null;
}

function driverOf(node: Mapping): string | undefined {
  const driver = node.entries.get("driver")?.value;
  return driver && textIn(driver);
}

/** A later item takes the place of an earlier one that says the same, for volumes: of the same place in the container. */
function distinct(key: string, items: readonly Node[]): Node[] {
  const byName = new Map<string, Node>();
  items.forEach((item, index) => byName.set(identity(key, item) ?? `#${index}`, item));
  return [...byName.values()];
}

function identity(key: string, item: Node): string | undefined {
  if (item.kind === "scalar") return key === "volumes" ? (item.text.split(":")[1] ?? item.text) : item.text;
  const field = key === "volumes" ? "target" : key === "secrets" || key === "configs" ? "source" : key === "env_file" ? "path" : undefined;
  const value = item.kind === "map" && field !== undefined ? item.entries.get(field)?.value : undefined;
  return value && textIn(value);
}
