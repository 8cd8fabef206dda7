import { dirname, resolve } from "node:path";
import { type Entry, type Mapping, type Node, type Path, type Span } from "../load/source.ts";
import type { ComposeFiles } from "./compose-file.ts";
import { mergeCompose } from "./merge.ts";
import { isOpen } from "./values.ts";

/** Each has all of those before it: what a long chain says grows with its square. */
const MAX_EXTENDS = 100;

/** Puts `include`d files and what services extend into one tree. Both keys stay, for the report. */
export class Resolver {
  /** A file that is included again is what it was before: two of them in each of thirty would be a thousand million. */
  private readonly wholes = new Map<Mapping, Mapping>();

  constructor(private readonly files: ComposeFiles) {}

  /** `chain`: files under way. */
  whole(root: Mapping, chain: readonly string[]): Mapping {
    const made = this.wholes.get(root) ?? this.made(root, chain);
    this.wholes.set(root, made);
    return made;
  }

  private made(root: Mapping, chain: readonly string[]): Mapping {
    const included = this.included(root, chain);
    const services = root.entries.get("services");
    if (services?.value.kind !== "map") return included;
    const resolved = new Map<string, Entry>();
    for (const [name, entry] of services.value.entries)
      resolved.set(name, {
        ...entry,
        value: this.service(entry.value, { root, path: ["services", name], chain: [`${chain.at(-1)}#${name}`] }),
      });
    const own: Mapping = {
      ...root,
      entries: new Map(root.entries).set("services", { ...services, value: { ...services.value, entries: resolved } }),
    };
    return included === root ? own : mergeCompose(included, own, (entry) => this.files.tagOf(entry));
  }

  private included(root: Mapping, chain: readonly string[]): Mapping {
    const include = root.entries.get("include")?.value;
    if (!include) return root;
    const items = include.kind === "list" ? include.items : [include];
    const parts = items.flatMap((item, index) => this.include(item, { path: ["include", index], chain }));
    return parts.reduce<Mapping>((all, part) => mergeCompose(withoutHead(part), all, () => undefined), root);
  }

  private include(item: Node, { path, chain }: { path: Path; chain: readonly string[] }): Mapping[] {
    const fail = (at: Span, message: string, hint?: string): void => this.files.problems.add(path, at, { message, hint });
    const from = this.files.bases.get(item.file.name) ?? dirname(item.file.name);
    const listed = item.kind === "map" ? item.entries.get("path")?.value : item;
    const paths = (listed?.kind === "list" ? listed.items : [listed]).filter((one) => one?.kind === "scalar" && one.text !== "");
    if (paths.length === 0) fail(item, "expected the path of a file");
    const folder = item.kind === "map" ? item.entries.get("project_directory")?.value : undefined;
    const merged = paths.reduce<Mapping | undefined>((under, one) => {
      if (one?.kind !== "scalar") return under;
      if (isOpen(one.text) || /^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(one.text)) {
        fail(one, `${one.text} cannot be included here: only local files are, by a path without variables`, "import that file by itself");
        return under;
      }
      const file = resolve(from, one.text);
      if (chain.includes(file)) {
        fail(one, `include cycle: ${[...chain.slice(chain.indexOf(file)), file].join(" → ")}`);
        return under;
      }
      const base =
        folder?.kind === "scalar" ? resolve(from, folder.text) : dirname(resolve(from, paths[0]?.kind === "scalar" ? paths[0].text : ""));
      const read = this.files.load(file, base, { at: one, field: path });
      const whole = read && this.whole(read, [...chain, file]);
      return whole && under ? mergeCompose(under, whole, (entry) => this.files.tagOf(entry)) : (whole ?? under);
    }, undefined);
    return merged ? [merged] : [];
  }

  /** A service with what it extends underneath. */
  private service(node: Node, within: { root: Mapping; path: Path; chain: readonly string[] }): Node {
    const extended = node.kind === "map" ? node.entries.get("extends") : undefined;
    if (node.kind !== "map" || !extended) return node;
    const { value } = extended;
    const named = value.kind === "map" ? value.entries.get("service")?.value : value;
    const file = value.kind === "map" ? value.entries.get("file")?.value : undefined;
    const fail = (message: string): Node => {
      this.files.problems.add([...within.path, "extends"], value, { message });
      return node;
    };
    if (named?.kind !== "scalar" || named.text === "") return fail("extends needs the name of a service");
    const from = this.files.bases.get(value.file.name) ?? dirname(value.file.name);
    const path = file?.kind === "scalar" ? resolve(from, file.text) : undefined;
    const root =
      path === undefined ? within.root : this.files.load(path, dirname(path), { at: file ?? value, field: [...within.path, "extends"] });
    if (!root) return node;
    const link = `${path ?? within.chain.at(-1)?.split("#")[0]}#${named.text}`;
    if (within.chain.includes(link)) return fail(`extends itself: ${[...within.chain, link].map((one) => one.split("#")[1]).join(" → ")}`);
    if (within.chain.length >= MAX_EXTENDS) return fail(`services extend one another more than ${MAX_EXTENDS} times`);
    const services = root.entries.get("services")?.value;
    const base = services?.kind === "map" ? services.entries.get(named.text)?.value : undefined;
    if (base?.kind !== "map") return fail(`${path ?? "this file"} has no service ${named.text} to extend`);
    const under = this.service(base, { root, path: within.path, chain: [...within.chain, link] });
    if (under.kind !== "map") return node;
    const entries = new Map(under.entries);
    entries.delete("extends");
    return mergeCompose({ ...under, entries }, node, (entry) => this.files.tagOf(entry));
  }
}

/** Of an included file: its name, version and includes are its own matter. */
function withoutHead(part: Mapping): Mapping {
  const entries = new Map([...part.entries].filter(([key]) => !["name", "version", "include"].includes(key) && !key.startsWith("x-")));
  return { ...part, entries };
}
