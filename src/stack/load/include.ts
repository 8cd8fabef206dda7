import { dirname, resolve } from "node:path";
import { type ReadFile, readText } from "./files.ts";
import type { Interpolator } from "./interpolate.ts";
import { MAX_INCLUDES, MAX_SOURCE_BYTES } from "./limits.ts";
import { isBroken, parseSource } from "./parse.ts";
import type { Report } from "./report.ts";
import { type Entry, type Mapping, type Scalar, SourceFile } from "./source.ts";

export interface IncludeContext {
  readonly report: Report;
  readonly interpolator: Interpolator;
  readonly readFile: ReadFile;
}

/** A file with everything it includes merged in; the including file wins. */
export class Includes {
  private readonly done = new Map<string, Mapping | undefined>();
  private bytes = 0;

  constructor(private readonly context: IncludeContext) {}

  /** `chain`: absolute paths of the files under way, this one last. */
  load(file: SourceFile, chain: readonly string[]): Mapping | undefined {
    const { report, interpolator } = this.context;
    const start = { file, start: 0, end: 0 };
    this.bytes += Buffer.byteLength(file.text);
    if (this.bytes > MAX_SOURCE_BYTES) {
      report.add([], start, { message: `larger than ${MAX_SOURCE_BYTES / 1024 / 1024} MiB, includes counted (MAX_SOURCE_BYTES)` });
      return undefined;
    }
    const own = parseSource(file, report);
    const includes = own?.entries.get("includes");
    if (!own || !includes) return own;
    const paths = this.paths(interpolator.tree(includes.value, ["includes"]));
    const bases = paths.map((path) => this.include(path, chain));
    const entries = new Map(own.entries);
    entries.delete("includes");
    const base = bases.reduce<Mapping | undefined>((merged, next) => mergedOver(merged, next), undefined);
    return mergedOver(base, { ...own, entries });
  }

  private paths(node: Entry["value"]): Scalar[] {
    const items = node.kind === "list" ? node.items : [node];
    const paths: Scalar[] = [];
    items.forEach((item, index) => {
      if (item.kind === "scalar" && typeof item.value === "string" && item.value !== "") paths.push(item);
      else if (!isBroken(item)) this.context.report.add(["includes", index], item, { message: "expected the path of a file" });
    });
    return paths;
  }

  private include(at: Scalar, chain: readonly string[]): Mapping | undefined {
    const { report } = this.context;
    const fail = (message: string, hint?: string): undefined => void report.add(["includes"], at, { message, hint });
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(at.text)) return fail("only local files can be included", "fetch the file first");
    const path = resolve(dirname(chain.at(-1) ?? "/"), at.text);
    if (chain.includes(path)) return fail(`include cycle: ${[...chain.slice(chain.indexOf(path)), path].join(" → ")}`);
    if (this.done.has(path)) return this.done.get(path);
    if (this.done.size >= MAX_INCLUDES) return fail(`more than ${MAX_INCLUDES} included files (MAX_INCLUDES)`);
    const read = readText(this.context.readFile, path);
    if ("problem" in read) return fail(read.problem);
    const loaded = this.load(new SourceFile(path, read.text), [...chain, path]);
    this.done.set(path, loaded);
    return loaded;
  }
}

/** Mappings key by key, everything else as a whole; `over` wins. An empty value in `over` takes the one below away. */
export function mergedOver(under: Mapping | undefined, over: Mapping | undefined): Mapping | undefined {
  if (!under || !over) return over ?? under;
  const entries = new Map(under.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key)?.value;
    const { value } = entry;
    entries.set(
      key,
      below?.kind === "map" && value.kind === "map" ? { keyAt: entry.keyAt, value: mergedOver(below, value) ?? value } : entry,
    );
  }
  return { ...over, entries };
}
