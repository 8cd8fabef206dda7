import { posix } from "node:path";
import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, reported, type Sureness } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { packageOf, PYTHON_STANDARD } from "./python-modules.ts";
import { requirePython } from "./python-require.ts";
import { placeOf } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const MODULE = "([A-Za-z_][\\w]{0,80}(?:\\.\\w{1,80}){0,8})";
const MISSING: readonly RegExp[] = [
  new RegExp(`\\b(?:ModuleNotFoundError|ImportError): No module named '${MODULE}'(?:; '\\w{1,80}' is not a package)?$`),
  new RegExp(`\\bImportError: No module named ${MODULE}$`),
  new RegExp(`python[\\d.]*: No module named ${MODULE}$`),
  new RegExp(`\\bError loading \\w+ module: No module named '${MODULE}'$`),
  new RegExp(`\\bImproperlyConfigured: Error loading (psycopg2|MySQLdb)(?: or psycopg)? module`),
  new RegExp(`\\bImportError: Missing optional dependency '${MODULE}'`),
];
/** Things that say what to install, in words of their own. */
const TOLD: readonly (readonly [RegExp, string])[] = [
  [/\bImportError: Couldn't import Django\. Are you sure it's installed/, "django"],
  [/\bRuntimeError: Form data requires "python-multipart" to be installed/, "python_multipart"],
  [/\bImportError: email-validator is not installed/, "email_validator"],
  [/\bAssertionError: jinja2 must be installed to use Jinja2Templates/, "jinja2"],
];
/** Names of a project's own code that nobody installs. */
const OWN =
  /^(?:app|apps|main|src|lib|core|config|configs|settings|util|utils|helpers?|common|models?|views?|tests?|server|api|wsgi|asgi|manage|project|service|services|handlers?|routes|db|database|tasks|worker)$/;
/** How far pip's remark stands behind the error of a package that it builds. */
const BUILD_REMARK_LINES = 20;

/** Entry 1: a Python module that is not in the image. */
export const PYTHON_MODULE_MISSING: Entry = {
  id: 1,
  slug: "python-module-missing",
  title: "A Python module is not installed",
  verdicts:
    "fix where it is known which package brings the module; approve where it is not (anybody may own a name); report for modules of the project itself and of Python",
  example: "ModuleNotFoundError: No module named 'yaml'",
  match: (evidence, snapshot) => firstOf(found(evidence), ({ line, module }) => explain(line, module, snapshot)),
};

interface Missing {
  readonly line: FoundLine;
  readonly module: string;
}

function found(evidence: Evidence): readonly Missing[] {
  const named = latestLike(evidence, MISSING).map((line) => ({ line, module: nameIn(line) }));
  const told = TOLD.flatMap(([pattern, module]) => latestLike(evidence, [pattern]).map((line) => ({ line, module })));
  return [...named, ...told];
}

function explain(line: FoundLine, module: string, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const wanted = importedName(line, module);
  // Python names the whole path only where its beginning is there: then that package does not bring it.
  const known = packageOf(wanted, module.includes(".") ? 2 : 1);
  const top = wanted.split(".")[0] ?? wanted;
  const tell = teller(line, wanted);
  if (isOfBuild(line))
    return tell({
      cause: `a package that pip builds wants the Python module ${wanted}`,
      remedy: `Use a version of the package that comes built, or one that names ${top} in its own build requirements.`,
    });
  if (PYTHON_STANDARD.has(top) || top === "pip")
    return tell({
      cause: `this Python has no module ${wanted}, which is of Python itself`,
      remedy: "Use a Python that was built with it, or a version that still has it.",
    });
  if (isOwn(top, snapshot, known !== undefined))
    return tell({
      cause: `the Python module ${wanted} is the project's own, and is not found where it runs`,
      remedy: "Copy it into the image, set WORKDIR or PYTHONPATH to where it is, or correct the import.",
      sure: "confirmed",
    });
  if (line.text.endsWith(" is not a package"))
    return tell({
      cause: `another file called ${top} stands before the package ${top}, and has no module ${module}`,
      remedy: `Rename the file ${top}.py, or see where Python finds it.`,
    });
  if (known === undefined && module.includes("."))
    return tell({
      cause: `${module.slice(0, module.lastIndexOf("."))} is there, and has no module ${module}`,
      remedy: "Correct the import, or use a version of the package that has it.",
    });
  return missing({ line, module: wanted }, known, snapshot);
}

function missing({ line, module }: Missing, known: string | undefined, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const tell = teller(line, module);
  const cause = `the Python module ${module} is not installed in the image`;
  const place = placeOf(line, snapshot);
  if (!place) return tell({ cause, remedy: `Install ${known ?? module} in the image.` });
  if (isParentOnly(module, known)) return tell({ cause, remedy: `Install the package that brings ${module}; several share that name.` });
  const requirement = known ?? module.replaceAll("_", "-");
  const required = requirePython(requirement, { place, snapshot });
  if (required.kind === "listed")
    return tell({
      cause: `${cause}, though ${required.where} asks for ${requirement}`,
      remedy: `Build the image again, and see that it installs from ${required.where} and runs the same Python.`,
    });
  if (required.kind === "refused") return tell({ cause, remedy: `Add ${requirement}; ${required.why}.` });
  const approve = known === undefined || required.unchecked === true;
  const why =
    known === undefined ? `; nobody has checked who owns that name` : required.unchecked ? "; without the hash that the others have" : "";
  const { finding } = tell({
    cause,
    remedy: `Adds ${requirement} to ${required.where}${why}.`,
    sure: known === undefined ? "guessed" : "confirmed",
  });
  return { finding: { ...finding, verdict: approve ? "approve" : "fix" }, remedy: required.remedy };
}

function teller(line: FoundLine, module: string) {
  return ({ cause, remedy, sure = "named" }: { readonly cause: string; readonly remedy: string; readonly sure?: Sureness }): Diagnosis =>
    reported({
      entry: 1,
      signature: `python-module-missing:${module}`.slice(0, 200),
      cause,
      remedy,
      lines: [line],
      sure,
      verdict: "report",
    });
}

/** Namespaces of many packages (`google`, `azure`): their name alone says nothing. */
function isParentOnly(module: string, known: string | undefined): boolean {
  return known === undefined && /^(?:google|azure|zope|backports|sphinxcontrib|jaraco|mpl_toolkits)(?:\.cloud)?$/.test(module);
}

/** The import statement above the error may name more of the path than the error: `from google.cloud import storage`. */
function importedName({ lines, at }: FoundLine, module: string): string {
  const before = lines.slice(Math.max(0, at - 4), at).toReversed();
  const statement = before
    .map((line) => /^\s*(?:from ([\w.]{1,200}) import (\w{1,80})|import ([\w.]{1,200}))/.exec(line))
    .find((match) => match !== null);
  const [, from, name, whole] = statement ?? [];
  const longer = [...(from === undefined ? [] : [`${from}.${name}`, from]), ...(whole === undefined ? [] : [whole])].filter((path) =>
    path.startsWith(`${module}.`),
  );
  const mapped = packageOf(module);
  return longer.find((path) => packageOf(path) !== undefined && packageOf(path) !== mapped) ?? module;
}

/** A package that pip builds fails in a place of its own, where the requirements of the program are not. */
function isOfBuild({ lines, at }: FoundLine): boolean {
  return lines
    .slice(at, at + BUILD_REMARK_LINES)
    .some((line) => /This error originates from a subprocess, and is likely not a problem with pip/.test(line));
}

/** Its file or folder is in the tree; of a name that a known package has, only where Python looks first. */
function isOwn(top: string, { paths, directory }: ServiceSnapshot, isKnown: boolean): boolean {
  if (!isKnown && OWN.test(top)) return true;
  const roots = isKnown ? ["", "src", "app", "lib"].map((root) => posix.join(directory, root)) : undefined;
  return paths.some((path) => {
    if (!path.endsWith(".py") || /(?:^|\/)(?:node_modules|site-packages|\.?venv)\//.test(path)) return false;
    const parts = path.split("/");
    const file = parts.at(-1) === `${top}.py` ? parts.length - 1 : parts.slice(0, -1).indexOf(top);
    return file >= 0 && (roots === undefined || roots.some((root) => (root === "." ? "" : root) === parts.slice(0, file).join("/")));
  });
}
