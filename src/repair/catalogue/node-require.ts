import { posix } from "node:path";
import { insertAfter } from "../dockerfile/edit.ts";
import type { FileEdit, Remedy } from "../finding.ts";
import { addDependency, promoteDependency, readPackage } from "../manifests/package-json.ts";
import { withWords } from "../manifests/run-command.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { lockedBy, lockName, nodeLock } from "./lock-tools.ts";
import { type NodeInstall, nodeInstalls, packageFolder } from "./node-install.ts";
import { NODE_MODULES } from "./node-modules.ts";
import type { Place } from "./run-image.ts";

export type NodeRequired =
  | { readonly kind: "added"; readonly remedy: Remedy; readonly what: string }
  | { readonly kind: "listed"; readonly where: string };

interface At {
  readonly place: Place;
  readonly snapshot: ServiceSnapshot;
}

/** Has the image install a package: in package.json and its lock, else in the command that names packages, else by a command of its own. */
export function requireNode(name: string, at: At): NodeRequired {
  const installs = nodeInstalls(at.place).filter(({ isGlobal }) => !isGlobal);
  const folder = packageFolder(at.place, at.snapshot);
  if (folder === undefined) return inDockerfile(name, installs, at);
  const path = posix.join(folder, "package.json");
  const text = at.snapshot.files.get(path) ?? "";
  const known = readPackage(text);
  if (known && name in known.dependencies) return listed(path, installs, at);
  if (known && name in known.devDependencies) {
    if (installs.length === 0) return listed(path, installs, at);
    if (!installs.some(({ production }) => production)) return { kind: "listed", where: path };
    return added({ path, text: promoteDependency(text, name) ?? text }, `Moves ${name} from devDependencies to dependencies`, {
      folder,
      installs,
      at,
    });
  }
  const changed = addDependency(text, name, NODE_MODULES.get(name) ?? "*");
  return changed === undefined
    ? { kind: "listed", where: path }
    : added({ path, text: changed }, `Adds ${name} to ${path}`, { folder, installs, at });
}

interface Around {
  readonly folder: string;
  readonly installs: readonly NodeInstall[];
  readonly at: At;
}

function added(edit: FileEdit, what: string, { folder, installs, at }: Around): NodeRequired {
  const { place, snapshot } = at;
  const install = installs.find(({ packages }) => packages.length === 0);
  // Nothing installs what package.json asks for: that is missing, too.
  const edits = installs.length === 0 ? [edit, { path: dockerfilePath(at), text: withInstall(at) }] : [edit];
  const tool = lockedBy(folder, snapshot);
  if (!tool) return { kind: "added", remedy: { kind: "edits", edits }, what: `${what}.` };
  const run = nodeLock(tool, folder, { place, snapshot, stage: install?.stage ?? place.stage, edits });
  return { kind: "added", remedy: { kind: "tool", run }, what: `${what}, and brings ${lockName(tool)} up to date.` };
}

/** It stands there: then it is the Dockerfile that does not install. */
function listed(where: string, installs: readonly NodeInstall[], at: At): NodeRequired {
  if (installs.length > 0) return { kind: "listed", where };
  return {
    kind: "added",
    remedy: { kind: "edits", edits: [{ path: dockerfilePath(at), text: withInstall(at) }] },
    what: `Installs what ${where} asks for.`,
  };
}

function inDockerfile(name: string, installs: readonly NodeInstall[], at: At): NodeRequired {
  const install = installs.find(({ packages }) => packages.length > 0);
  const version = NODE_MODULES.get(name);
  const wanted = version === undefined || version === "*" ? name : `${name}@${version.slice(1)}`;
  const { place } = at;
  if (install?.packages.some((one) => one.replace(/(?<=.)@.*$/, "") === name)) return { kind: "listed", where: "the Dockerfile" };
  const text = install
    ? withWords(place.text, install.command, [wanted])
    : insertAfter(place.text, lineForInstall(place), [`RUN npm install --no-audit --no-fund ${wanted}`]);
  return {
    kind: "added",
    remedy: { kind: "edits", edits: [{ path: dockerfilePath(at), text }] },
    what: `Adds ${name} to what the Dockerfile installs.`,
  };
}

function withInstall({ place }: At): string {
  return insertAfter(place.text, lineForInstall(place), ["RUN npm install --no-audit --no-fund"]);
}

/** Behind the last COPY, in front of who runs it and how; and of what failed. */
function lineForInstall({ stage, before = Infinity }: Place): number {
  const until = stage.instructions.findIndex(({ keyword, fromLine }) => /^(?:USER|CMD|ENTRYPOINT)$/.test(keyword) || fromLine >= before);
  const usable = until === -1 ? stage.instructions : stage.instructions.slice(0, until);
  return (usable.findLast(({ keyword }) => /^(?:COPY|ADD|WORKDIR)$/.test(keyword)) ?? stage.from).toLine;
}

function dockerfilePath({ snapshot }: At): string {
  return snapshot.dockerfile?.path ?? "Dockerfile";
}
