import { posix } from "node:path";
import { type Called, commandsNear, fileRead } from "./called-commands.ts";
import type { NodeTool } from "./lock-tools.ts";
import type { Place } from "./run-image.ts";
import type { ServiceSnapshot } from "../snapshot.ts";

/** A command of a Dockerfile that installs packages of Node. */
export interface NodeInstall extends Called {
  readonly tool: NodeTool;
  /** Packages that are named in it; none where it installs what package.json asks for. */
  readonly packages: readonly string[];
  /** It leaves out what is for developers. */
  readonly production: boolean;
  readonly isGlobal: boolean;
}

/** In the order of the stages: nearest first. */
export function nodeInstalls(place: Place): readonly NodeInstall[] {
  return commandsNear(place).flatMap((called) => installOf(called, place) ?? []);
}

/** Folder of the package.json that the service runs with; undefined where there is none. */
export function packageFolder(place: Place, snapshot: ServiceSnapshot): string | undefined {
  const { files, directory } = snapshot;
  const installs = nodeInstalls(place).filter(({ isGlobal, packages }) => !isGlobal && packages.length === 0);
  const read = installs
    .map((install) => fileRead(install, place, { written: "package.json", snapshot }))
    .find((path) => path !== undefined);
  const own = posix.join(directory, "package.json");
  const all = [...files.keys()].filter((path) => posix.basename(path) === "package.json");
  const path = read ?? (files.has(own) ? own : all.length === 1 ? all[0] : undefined);
  return path === undefined ? undefined : folderOf(path);
}

export function folderOf(path: string): string {
  const folder = posix.dirname(path);
  return folder === "." ? "" : folder;
}

function installOf(called: Called, place: Place): NodeInstall | undefined {
  const words = called.words[0] === "corepack" ? called.words.slice(1) : called.words;
  const [program = "", ...rest] = words;
  const tool = /^(npm|pnpm|yarn)$/.exec(posix.basename(program))?.[1] as NodeTool | undefined;
  if (!tool) return undefined;
  const [command, ...packages] = rest.filter((word) => !word.startsWith("-"));
  const installs = /^(?:install|i|ci|add|clean-install|install-clean)$/.test(command ?? "") || (tool === "yarn" && command === undefined);
  if (!installs) return undefined;
  const production =
    rest.some((word) => /^(?:--omit=dev|--production|--prod|-P|--only=prod(?:uction)?)$/.test(word)) ||
    /--omit dev\b/.test(rest.join(" ")) ||
    isProduction(called, place);
  return {
    ...called,
    tool,
    packages: packages.filter((word) => word !== "dev"),
    production,
    isGlobal: rest.some((word) => word === "-g" || word === "--global" || word === "global"),
  };
}

function isProduction({ stage, instruction }: Called, { text }: Place): boolean {
  const lines = text.split("\n").slice(0, instruction.fromLine - 1);
  return stage.instructions.some(
    ({ keyword, fromLine, text: said }) => keyword === "ENV" && fromLine <= lines.length && /\bNODE_ENV[= ]"?production\b/.test(said),
  );
}
