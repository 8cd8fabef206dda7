import { dirname, join, relative } from "node:path";
import type { Diagnostic } from "../../kernel/errors.ts";
import { parseDotenv } from "../load/dotenv.ts";
import type { ReadFile } from "../load/files.ts";
import { Report } from "../load/report.ts";
import type { Mapping, Node } from "../load/source.ts";
import { ComposeFiles } from "./compose-file.ts";
import { Cursor } from "./cursor.ts";
import { addHints, bareVariables, refuseCycle, settleDatagrams, settleDependencies, uncovered } from "./hints.ts";
import { Ledger, type ReportLine, reportLine } from "./ledger.ts";
import { mergeCompose } from "./merge.ts";
import { NAME_RULE, orcoNames } from "./names.ts";
import type { Draft, Project } from "./project.ts";
import { ordered, renderStack } from "./render.ts";
import { Resolver } from "./resolve.ts";
import { convertService } from "./service.ts";
import { isOpen } from "./values.ts";
import { convertTop, stackName } from "./top.ts";

export interface ComposeSource {
  /** Absolute paths; each merged over those before it. Relative paths of all of them belong to the folder of the first. */
  readonly files: readonly [string, ...string[]];
  readonly readFile: ReadFile;
  /** Whether something is there, by absolute path. */
  readonly exists: (path: string) => boolean;
  /** Absolute folder the result will stand in; that of the first file when absent. */
  readonly into?: string;
}

export interface Imported {
  /** As stack.yaml has it; absent where the source is wrong. */
  readonly stack?: Readonly<Record<string, unknown>>;
  readonly yaml?: string;
  /** What became of every key of the source. */
  readonly report: readonly ReportLine[];
  /** Paths of the report that are carried and yet need a look. */
  readonly look: ReadonlySet<string>;
  /** Variables without a default, which orco wants set and the `.env` beside the result does not. */
  readonly variables: readonly string[];
  /** What is wrong with the source. */
  readonly diagnostics: readonly Diagnostic[];
}

/** compose files → a stack, and what became of each key. Variables are not interpolated. Nothing is thrown for what a file says. */
export function importCompose(from: ComposeSource): Imported {
  const [first] = from.files;
  const problems = new Report();
  const folder = dirname(first);
  const files = new ComposeFiles(from.readFile, problems);
  const tree = withinBounds(readAll(from, files), problems);
  const ledger = new Ledger();
  const root = tree && new Cursor([], tree, { ledger, problems });
  const made = root && convert(root, { folder, bases: files.bases, exists: from.exists });
  const lines = ledger.all();
  const wanted = bareVariables(made ? JSON.stringify([made.name, made.services]) : "");
  const set = dotenvBeside(from);
  const failed = problems.failed || !made;
  const result = {
    report: lines.map(reportLine),
    look: new Set<string>(),
    variables: wanted.filter((name) => !Object.hasOwn(set, name)),
    diagnostics: problems.sorted(first).map(inCompose),
  };
  const look = new Set(lines.filter(({ notable, action }) => notable && action === "carried").map((line) => reportLine(line).path));
  if (failed) return { ...result, look };
  const workdir = relative(from.into ?? folder, folder);
  const stack = { version: 0.1, stack: { name: made.name, ...(workdir !== "" && { workdir }) }, services: made.services };
  return { ...result, look, stack, yaml: renderStack(stack, { from: relative(from.into ?? folder, first), lines }) };
}

/** As `orco up` will read it, which says what is wrong with it. */
function dotenvBeside({ files: [first], into, exists, readFile }: ComposeSource): Readonly<Record<string, string>> {
  const path = join(into ?? dirname(first), ".env");
  try {
    return exists(path) ? parseDotenv(readFile(path) ?? "").values : {};
  } catch {
    return {}; // Then nothing is known to be set.
  }
}

/** Some of what follows compares each with each; the largest files that people have are far below. */
const MAX_COMPOSE_VALUES = 20_000;

function withinBounds(tree: Mapping | undefined, problems: Report): Mapping | undefined {
  if (!tree || countUpTo(MAX_COMPOSE_VALUES + 1, tree) <= MAX_COMPOSE_VALUES) return tree;
  const message = `more than ${MAX_COMPOSE_VALUES} values (MAX_COMPOSE_VALUES), with what is aliased, included and extended`;
  problems.add([], tree, { message, hint: "import it in parts" });
  return undefined;
}

function countUpTo(limit: number, root: Node): number {
  let count = 0;
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node && count < limit; node = waiting.pop()) {
    count++;
    if (node.kind === "list") waiting.push(...node.items);
    if (node.kind === "map") for (const { value } of node.entries.values()) waiting.push(value);
  }
  return count;
}

function readAll({ files: paths }: ComposeSource, files: ComposeFiles): Mapping | undefined {
  const [first] = paths;
  const resolver = new Resolver(files);
  const base = dirname(first);
  let tree: Mapping | undefined;
  for (const path of paths) {
    const own = files.first(path, base);
    if (!own) return undefined;
    tree = tree ? mergeCompose(tree, own, (entry) => files.tagOf(entry)) : own;
  }
  return tree && resolver.whole(tree, [first]);
}

interface Made {
  readonly name: string;
  readonly services: Readonly<Record<string, unknown>>;
}

function convert(root: Cursor, { folder, bases, exists }: Pick<Project, "folder" | "bases" | "exists">): Made | undefined {
  const services = root.in("services");
  if (!services || services.isNothing) {
    const old = root.fields().some(([, field]) => field.in("image") ?? field.in("build"));
    return root.fail(
      "there are no services",
      old ? "the format of compose 1: indent everything below services:" : "expected services: with one at least",
    );
  }
  if (services.node.kind !== "map") return services.fail("expected a mapping of services");
  const names = orcoNames(services.fields().map(([name]) => name));
  const name = stackName(root, folder);
  const project: Project = { folder, bases, root, names, exists };
  const drafts = services.fields().flatMap(([, at]) => convertService(at, project) ?? []);
  for (const draft of drafts) renamed(draft);
  convertTop(root, { folder, stack: name });
  withoutMissing(drafts);
  settleDependencies(drafts);
  settleDatagrams(drafts);
  refuseCycle(drafts);
  addHints(drafts);
  for (const at of uncovered(root)) at.dropped("orco has no place for it");
  return { name, services: Object.fromEntries(drafts.map((draft) => [draft.name, ordered(draft.fields)])) };
}

function renamed({ name, from, source }: Draft): void {
  if (name === from) return;
  source.book.ledger.add({
    at: source.path,
    value: from,
    action: "changed",
    to: ["services", name],
    reasons: [`${from} is ${name} now: ${NAME_RULE}`],
    notable: false,
  });
}

/** A service that orco cannot have is nothing to wait for either. */
function withoutMissing(drafts: readonly Draft[]): void {
  const there = new Set(drafts.map(({ name }) => name));
  for (const { fields } of drafts) {
    const list = fields["dependsOn"];
    if (Array.isArray(list))
      fields["dependsOn"] = (list as { target: string }[]).filter(({ target }) => there.has(target) || isOpen(target));
  }
}

/** What the reader of stack files says, of a compose file. */
function inCompose(found: Diagnostic): Diagnostic {
  const message = found.message
    .replace("a mapping with version, stack and services", "a mapping with services")
    .replace("tags are not part of stack.yaml", "compose has no such tag");
  return { ...found, message };
}
