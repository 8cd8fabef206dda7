import { posix } from "node:path";
import { insertAfter } from "../dockerfile/edit.ts";
import type { FileEdit, Remedy } from "../finding.ts";
import { addToPyproject, namesIn } from "../manifests/pyproject.ts";
import { addRequirement, normalName, requirementsOf, wantsHashes } from "../manifests/requirements.ts";
import { quoted, withWords } from "../manifests/run-command.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { filesOf, type PythonInstall, pythonInstalls } from "./python-install.ts";
import { poetryLock } from "./lock-tools.ts";
import type { Place } from "./run-image.ts";

/** Where a package more goes, and how sure that place is. */
export type Required =
  | { readonly kind: "added"; readonly remedy: Remedy; readonly where: string; readonly unchecked?: boolean }
  /** It is asked for there already: the image is older, or another Python runs. */
  | { readonly kind: "listed"; readonly where: string }
  /** By a tool whose files no patch may touch. */
  | { readonly kind: "refused"; readonly why: string };

export interface At {
  readonly place: Place;
  readonly snapshot: ServiceSnapshot;
}

/** Has the image install `requirement` (`PyYAML`, `setuptools<82`): in the file that it installs from, else in the command, else by a command of its own. */
export function requirePython(requirement: string, at: At): Required {
  const installs = pythonInstalls(at.place, at.snapshot);
  const name = requirementsOf(requirement)[0]?.name ?? normalName(requirement);
  const listed = installs.flatMap((install) => listedIn(install, name, at.snapshot) ?? [])[0];
  if (listed !== undefined) return { kind: "listed", where: listed };
  for (const install of installs) {
    const required = addTo(install, requirement, at);
    if (required) return required;
  }
  return installs.length === 0
    ? ownInstall(requirement, name, at)
    : { kind: "refused", why: "what installs the packages is no file that a patch may change" };
}

function listedIn(install: PythonInstall, name: string, snapshot: ServiceSnapshot): string | undefined {
  if (install.packages.some((word) => requirementsOf(word)[0]?.name === name)) return "the Dockerfile";
  return filesOf(install, snapshot).find((path) => {
    const text = snapshot.files.get(path) ?? "";
    return path.endsWith(".toml") ? namesIn(text).has(name) : requirementsOf(text).some((one) => one.name === name && one.marker === "");
  });
}

function addTo(install: PythonInstall, requirement: string, at: At): Required | undefined {
  const { snapshot } = at;
  if (install.kind === "files") return inFiles(install, requirement, at);
  if (install.kind === "words") return inDockerfile(withWords(at.place.text, install.command, [requirement]), at);
  const [path] = install.files;
  const text = path === undefined ? undefined : snapshot.files.get(path);
  if (path === undefined || text === undefined || install.kind === "other") return undefined;
  const added = addToPyproject(text, requirement);
  if (added === undefined) return undefined;
  const edit = { path, text: added };
  const lock = posix.join(posix.dirname(path), "poetry.lock");
  if (install.kind !== "poetry" || !snapshot.paths.includes(lock))
    return { kind: "added", remedy: { kind: "edits", edits: [edit] }, where: path };
  return {
    kind: "added",
    remedy: { kind: "tool", run: poetryLock(lock, { ...at, stage: install.stage }, [edit]) },
    where: `${path} and its lock`,
  };
}

function inFiles(install: PythonInstall, requirement: string, at: At): Required | undefined {
  const { files } = at.snapshot;
  // Only names that the default allow-list has; what lies in `requirements/base.txt` gets a command of its own.
  const path = install.files.find((one) => /^requirements[^/]*\.txt$/.test(posix.basename(one)) && !wantsHashes(files.get(one) ?? ""));
  if (path !== undefined)
    return {
      kind: "added",
      remedy: { kind: "edits", edits: [{ path, text: addRequirement(files.get(path) ?? "", requirement) }] },
      where: path,
    };
  if (install.files.some((one) => wantsHashes(files.get(one) ?? ""))) {
    const text = insertAfter(at.place.text, install.instruction.toLine, [installLine(requirement)]);
    return { ...inDockerfile(text, at), unchecked: true };
  }
  return inDockerfile(withWords(at.place.text, install.command, [requirement]), at);
}

/** Nothing is installed yet: what the file asks for where there is one, else the package alone. */
function ownInstall(requirement: string, name: string, at: At): Required {
  const { snapshot, place } = at;
  const path = posix.join(snapshot.directory, "requirements.txt");
  const text = snapshot.files.get(path);
  const line = lineForInstall(place);
  if (text === undefined || wantsHashes(text) || !isCopied(place, line))
    return inDockerfile(insertAfter(place.text, line, [installLine(requirement)]), at);
  const dockerfile = edit(insertAfter(place.text, line, ["RUN pip install --no-cache-dir -r requirements.txt"]), at);
  const has = requirementsOf(text).some((one) => one.name === name);
  const edits = has ? [dockerfile] : [dockerfile, { path, text: addRequirement(text, requirement) }];
  return { kind: "added", remedy: { kind: "edits", edits }, where: edits.map((one) => one.path).join(" and ") };
}

function isCopied({ stage }: Place, line: number): boolean {
  return stage.instructions.some(
    ({ keyword, fromLine, text }) =>
      /^(?:COPY|ADD)$/.test(keyword) && fromLine <= line && /\s(?:\.\/?|\S*requirements\S*)\s+\.\/?$/.test(text),
  );
}

/** Behind the last COPY and RUN, in front of who runs it and how; and of what failed. */
function lineForInstall({ stage, before = Infinity }: Place): number {
  const until = stage.instructions.findIndex(({ keyword, fromLine }) => /^(?:USER|CMD|ENTRYPOINT)$/.test(keyword) || fromLine >= before);
  const usable = until === -1 ? stage.instructions : stage.instructions.slice(0, until);
  return (usable.at(-1) ?? stage.from).toLine;
}

function installLine(requirement: string): string {
  return `RUN pip install --no-cache-dir ${quoted(requirement)}`;
}

function inDockerfile(text: string, at: At): Required & { kind: "added" } {
  return { kind: "added", remedy: { kind: "edits", edits: [edit(text, at)] }, where: "the Dockerfile" };
}

function edit(text: string, { snapshot }: At): FileEdit {
  return { path: snapshot.dockerfile?.path ?? "Dockerfile", text };
}
