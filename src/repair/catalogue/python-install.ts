import { posix } from "node:path";
import type { Place } from "./run-image.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { includedBy } from "../manifests/requirements.ts";
import { type Called, commandsNear, fileRead, optionsOf } from "./called-commands.ts";

/** A command of a Dockerfile that installs Python packages. */
export interface PythonInstall extends Called {
  /** files: from requirements files. project: from a pyproject.toml by pip. words: named in the command. poetry, other: by another tool. */
  readonly kind: "files" | "project" | "words" | "poetry" | "other";
  /** Requirements files, or the pyproject.toml; relative to the workspace. */
  readonly files: readonly string[];
  /** Requirements that stand in the command. */
  readonly packages: readonly string[];
}

const TAKES_VALUE = new Set(
  `-r --requirement -c --constraint -i --index-url --extra-index-url -t --target --prefix --root -f --find-links --trusted-host --cache-dir --timeout --retries --platform
  --python-version --no-binary --only-binary --progress-bar --cert --client-cert --proxy -e --editable --python -p -w --wheel-dir -d --dest --config-settings -C --src --log
  --global-option --install-option --implementation --abi --upgrade-strategy --report --use-feature --group --extra --exists-action --resume-retries --index`.split(
    /\s+/,
  ),
);
/** What builds packages, and belongs to no program. */
const TOOLS =
  /^(?:pip|setuptools|wheel|poetry|uv|pipenv|virtualenv|pip-tools|build|hatch|hatchling|pdm|cython|poetry-core)(?:\[|[=<>!~]|$)/i;
/** Names of files for those who work on the program. */
const OF_DEVELOPERS = /(?:^|[/._-])(?:dev|develop|development|test|tests|testing|lint|docs|ci|local|build)(?:[/._-]|$)/;

/** The most likely to install what the program runs with first. */
export function pythonInstalls(place: Place, snapshot: ServiceSnapshot): readonly PythonInstall[] {
  const found = commandsNear(place).flatMap((called) => installOf(called, place, snapshot) ?? []);
  return found.filter(isOfProgram).toSorted((a, b) => rank(a) - rank(b));
}

/** Requirements files that an install reads, those that they take in as well. */
export function filesOf({ files }: PythonInstall, snapshot: ServiceSnapshot): readonly string[] {
  const all = new Set(files);
  for (const path of all)
    for (const included of includedBy(snapshot.files.get(path) ?? "")) {
      const other = posix.join(posix.dirname(path), included);
      if (snapshot.files.has(other)) all.add(other);
    }
  return [...all];
}

function installOf(called: Called, place: Place, snapshot: ServiceSnapshot): PythonInstall | undefined {
  const [program = "", ...rest] = called.words;
  const name = posix.basename(program);
  const none = { ...called, files: [], packages: [] };
  if (name === "poetry" && rest.some((word) => word === "install" || word === "sync")) {
    const file = fileRead(called, place, { written: "pyproject.toml", snapshot });
    return { ...none, kind: "poetry", files: file === undefined ? [] : [file] };
  }
  if (/^(?:pipenv|pdm|uv|hatch|conda|mamba)$/.test(name) && rest[0] !== "pip")
    return rest.some((word) => /^(?:install|sync)$/.test(word)) ? { ...none, kind: "other" } : undefined;
  const words = pipWords(name, rest);
  return words && ofPip(words, called, { place, snapshot });
}

/** What stands behind pip's own name, however it is called. */
function pipWords(name: string, rest: readonly string[]): readonly string[] | undefined {
  if (/^pip[\d.]*$/.test(name)) return rest;
  if (name === "uv" && rest[0] === "pip") return rest.slice(1);
  const module = /^(?:python|pypy)[\d.]*$/.test(name) ? rest.indexOf("-m") : -1;
  return module >= 0 && rest[module + 1] === "pip" ? rest.slice(module + 2) : undefined;
}

function ofPip(
  words: readonly string[],
  called: Called,
  { place, snapshot }: { readonly place: Place; readonly snapshot: ServiceSnapshot },
): PythonInstall | undefined {
  const { rest, values } = optionsOf(words, TAKES_VALUE);
  const [command, ...named] = rest;
  if (!/^(?:install|wheel|download|sync)$/.test(command ?? "")) return undefined;
  const read = (written: string): string[] => [fileRead(called, place, { written, snapshot })].filter((path) => path !== undefined);
  const listed =
    command === "sync" ? named : values.flatMap(([option, value]) => (option === "-r" || option === "--requirement" ? [value] : []));
  const projects = [...named, ...values.flatMap(([option, value]) => (option === "-e" || option === "--editable" ? [value] : []))].filter(
    isFolder,
  );
  const packages = named.filter((word) => /^[A-Za-z0-9]/.test(word) && !word.includes("/") && !/\.(?:whl|zip|gz)$/.test(word));
  if (listed.length > 0) return { ...called, kind: "files", files: listed.flatMap(read), packages };
  if (projects.length > 0)
    return {
      ...called,
      kind: "project",
      files: projects.flatMap((folder) => read(posix.join(folder.replace(/\[.*/, ""), "pyproject.toml"))),
      packages,
    };
  return packages.length > 0 ? { ...called, kind: "words", files: [], packages } : undefined;
}

function isFolder(word: string): boolean {
  return /^(?:\.{1,2}|\/)/.test(word) && !/\.(?:whl|zip|gz|txt)$/.test(word) && !/[*?$]/.test(word);
}

function isOfProgram({ kind, packages }: PythonInstall): boolean {
  return kind !== "words" || packages.some((word) => !TOOLS.test(word));
}

function rank({ kind, files }: PythonInstall): number {
  const order = ["files", "project", "poetry", "words", "other"].indexOf(kind);
  const weak = (kind === "files" || kind === "project") && files.every((path) => OF_DEVELOPERS.test(path));
  return order + (weak ? 2.5 : 0);
}
