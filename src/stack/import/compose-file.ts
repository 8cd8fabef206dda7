import { type ReadFile, readText } from "../load/files.ts";
import { MAX_SOURCE_BYTES } from "../load/limits.ts";
import { parseSource } from "../load/parse.ts";
import type { Report } from "../load/report.ts";
import { type Entry, type Mapping, type Path, SourceFile, type Span } from "../load/source.ts";

const MAX_FILES = 500;
const TAG = /(?<=[\s:[{,-])!(reset|override)(?=[\s,}\]]|$)/gm;

export type Tag = "reset" | "override";

/** The files of one project: each is read once, and known by its absolute path. */
export class ComposeFiles {
  private readonly tags = new Map<string, Map<number, Tag>>();
  private readonly read = new Map<string, Mapping | undefined>();
  /** Folder that relative paths of a file belong to. */
  readonly bases = new Map<string, string>();

  constructor(
    private readonly readFile: ReadFile,
    readonly problems: Report,
  ) {}

  /** One that a person named. Errors: undefined when it cannot be used; why is reported. */
  first(path: string, base: string): Mapping | undefined {
    const nowhere = { file: new SourceFile(path, ""), start: 0, end: 0 };
    return this.load(path, base, { at: nowhere, field: [] });
  }

  /** Undefined when it cannot be used; why is reported, at `asked` where the file cannot be read. */
  load(path: string, base: string, asked: { at: Span; field: Path }): Mapping | undefined {
    if (this.read.has(path)) return this.read.get(path);
    const found = this.text(path);
    if ("problem" in found) {
      this.problems.add(asked.field, asked.at, { message: found.problem });
      return undefined;
    }
    const { blanked, tags } = withoutTags(found.text);
    const mapping = parseSource(new SourceFile(path, blanked), this.problems);
    this.tags.set(path, tags);
    this.bases.set(path, base);
    this.read.set(path, mapping);
    return mapping;
  }

  private text(path: string): { text: string } | { problem: string } {
    if (this.read.size >= MAX_FILES) return { problem: `more than ${MAX_FILES} files (MAX_FILES)` };
    const found = readText(this.readFile, path);
    const size = "text" in found ? found.text.length : 0;
    return size <= MAX_SOURCE_BYTES ? found : { problem: `larger than ${MAX_SOURCE_BYTES / 1024 / 1024} MiB (MAX_SOURCE_BYTES)` };
  }

  /** `!reset` or `!override` between the key and its value. */
  tagOf({ keyAt }: Entry): Tag | undefined {
    for (const [offset, tag] of this.tags.get(keyAt.file.name) ?? [])
      if (offset >= keyAt.end && /^[\s:]*$/.test(keyAt.file.text.slice(keyAt.end, offset))) return tag;
    return undefined;
  }
}

/** The tags become blanks, so that every place stays what it is. */
function withoutTags(text: string): { blanked: string; tags: Map<number, Tag> } {
  const tags = new Map<number, Tag>();
  const blanked = text.replace(TAG, (whole: string, tag: Tag, offset: number) => {
    tags.set(offset, tag);
    return " ".repeat(whole.length);
  });
  return { blanked, tags };
}
