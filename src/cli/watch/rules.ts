import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import ignore, { type Ignore } from "ignore";
import { lookAt } from "./look-at.ts";

/** What editors write beside a file while they save it: Vim's swap files and its write test, Emacs's locks, backups, JetBrains's safe writes. */
const DROPPING = /^(?:\.?.*\.sw[a-z]|.*~|4913|\.#.*|#.*#|.*___jb_(?:tmp|old)___|\.goutputstream-.*)$/;
const MAX_RULES_BYTES = 1024 * 1024;

interface Level {
  /** Folder its patterns are relative to. */
  readonly base: string;
  readonly rules: Ignore;
}

/** Which files of a watched folder do not count: Git's rules, those of the service, and what editors leave behind. */
export class Rules {
  private readonly own: Level;
  /** By folder; undefined: it has no .gitignore. */
  private readonly found = new Map<string, Level | undefined>();
  private above: readonly Level[] = [];

  constructor(
    private readonly root: string,
    patterns: readonly string[],
  ) {
    this.own = { base: root, rules: ignore().add([...patterns]) };
    this.forget();
  }

  /** Reads all of them again when they are next needed. */
  forget(): void {
    this.found.clear();
    const levels = levelsAbove(this.root);
    // Somebody who watches an ignored folder by name means what is in it.
    this.above = verdict(levels, `${this.root}/`) === "ignored" ? [] : levels;
  }

  forgetFolder(folder: string): void {
    this.found.delete(folder);
  }

  /** `path` lies below the root; nothing above it within the root is ignored. */
  ignores(path: string, isFolder: boolean): boolean {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name === ".git" || (!isFolder && DROPPING.test(name))) return true;
    const text = isFolder ? `${path}/` : path;
    return verdict([this.own], text) === "ignored" || verdict(this.levelsOf(dirname(path)), text) === "ignored";
  }

  /** Nearest first: there the last word is said. */
  private levelsOf(folder: string): Level[] {
    const levels: Level[] = [];
    for (let at = folder; at.length >= this.root.length; at = dirname(at)) {
      if (!this.found.has(at)) this.found.set(at, levelAt(at, ".gitignore"));
      const level = this.found.get(at);
      if (level) levels.push(level);
      if (at === this.root || at === "/") break;
    }
    return [...levels, ...this.above];
  }
}

/** `path` lies below the base of each level; that of a folder ends with a slash. */
function verdict(levels: readonly Level[], path: string): "ignored" | "kept" | undefined {
  for (const { base, rules } of levels) {
    const below = path.slice(base === "/" ? 1 : base.length + 1);
    if (below === "") continue;
    const said = rules.test(below);
    if (said.ignored) return "ignored";
    if (said.unignored) return "kept";
  }
  return undefined;
}

/** Rules of the repository the folder is in, from the folder above it up to the top, nearest first. */
function levelsAbove(root: string): Level[] {
  const levels: (Level | undefined)[] = [];
  for (let at = root; ; at = dirname(at)) {
    if (at !== root) levels.push(levelAt(at, ".gitignore"));
    if (exists(join(at, ".git"))) return [...levels, levelAt(at, ".git/info/exclude")].filter((level) => level !== undefined);
    if (at === "/") return [];
  }
}

function levelAt(base: string, name: string): Level | undefined {
  const path = join(base, name);
  try {
    if (statSync(path).size > MAX_RULES_BYTES) return undefined;
    return { base, rules: ignore().add(readFileSync(path, "utf8")) };
  } catch {
    return undefined; // Not there, or not for us to read: then it has no say.
  }
}

function exists(path: string): boolean {
  return lookAt(path) !== undefined;
}
