import { LAUNCH_VARIABLES, launchMark } from "./launch.ts";
import { MAX_EXPANDED } from "./limits.ts";
import { nearest } from "../../kernel/nearest.ts";
import type { Report } from "./report.ts";
import { type Entry, type Mapping, type Node, type Path, type Scalar, spanOf } from "./source.ts";
import { expand, type Lookup, type TemplateProblem } from "./template.ts";

const OF_SHELLS: ReadonlySet<string> = new Set(
  "PATH HOME LANG TZ TMPDIR PWD OLDPWD SHLVL _ USER LOGNAME SHELL TERM HOSTNAME MAIL EDITOR PAGER COLUMNS LINES LS_COLORS DISPLAY".split(
    " ",
  ),
);

export type Vars = Readonly<Record<string, string>>;

/**
 * Puts variables into the values of a tree. It runs on parsed values, never on the text of the file, so that no value can bring YAML
 * of its own; keys stay as they are.
 */
export class Interpolator {
  private expanded = 0;

  constructor(
    private readonly vars: Vars,
    private readonly report: Report,
  ) {}

  tree<T extends Node>(node: T, path: Path, keep?: ReadonlySet<string>): T;
  tree(node: Node, path: Path, keep: ReadonlySet<string> = new Set()): Node {
    const lookup: Lookup = (name) => (keep.has(name) ? launchMark(name) : this.value(name));
    return this.node(node, path, lookup);
  }

  private value(name: string): string | undefined {
    const value = Object.hasOwn(this.vars, name) ? this.vars[name] : undefined;
    return value?.replaceAll("\0", "");
  }

  private node(node: Node, path: Path, lookup: Lookup): Node {
    if (node.kind === "scalar") return this.scalar(node, path, lookup);
    if (node.kind === "list") return { ...node, items: node.items.map((item, index) => this.node(item, [...path, index], lookup)) };
    return this.mapping(node, path, lookup);
  }

  private mapping(node: Mapping, path: Path, lookup: Lookup): Mapping {
    const entries = new Map<string, Entry>();
    for (const [key, entry] of node.entries) {
      entries.set(key, { keyAt: entry.keyAt, value: this.node(entry.value, [...path, key], lookup) });
    }
    return { ...node, entries };
  }

  private scalar(node: Scalar, path: Path, lookup: Lookup): Scalar {
    if (typeof node.value !== "string" || !node.value.includes("$")) return node;
    const { text, problems } = expand(node.value, lookup);
    this.expanded += text.length;
    if (this.expanded > MAX_EXPANDED)
      problems.push({
        message: `all texts together are longer than ${MAX_EXPANDED} characters after interpolation (MAX_EXPANDED)`,
        needle: "$",
      });
    for (const problem of problems) {
      this.report.add(path, spanOf(node, problem.needle), { message: problem.message, hint: this.hint(problem) });
    }
    return problems.length > 0 ? { ...node, value: null, broken: true } : { ...node, value: text, text, interpolated: true };
  }

  private hint(problem: TemplateProblem): string | undefined {
    const { variable } = problem;
    if (variable === undefined) return problem.hint;
    const meant = this.meant(variable);
    const ways = `set it, give a default (\${${variable}:-…}), or write $$${variable} to leave it to the program's own shell`;
    return meant === undefined ? ways : `did you mean "${meant}"? Else ${ways}`;
  }

  /** Those that every shell sets are hardly ever meant by another name. */
  private meant(variable: string): string | undefined {
    const known = Object.keys(this.vars);
    const declared = [...known.filter((name) => !OF_SHELLS.has(name)), ...LAUNCH_VARIABLES];
    if (variable.length < 4) return nearest(variable, declared);
    return (
      nearest(variable, declared) ??
      nearest(
        variable,
        known.filter((name) => OF_SHELLS.has(name)),
        1,
      )
    );
  }
}
