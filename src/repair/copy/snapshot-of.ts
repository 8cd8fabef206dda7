import { constants } from "node:fs";
import { posix, relative, resolve } from "node:path";
import { isJsonObject, type JsonObject } from "../../kernel/event.ts";
import type { ServiceConfig } from "../project.ts";
import type { Distribution, ServiceSnapshot } from "../snapshot.ts";
import type { Copy } from "../target.ts";
import { namesIn } from "./copy-rules.ts";
import { listPaths, type PathFacts } from "./list-paths.ts";
import { isAbsent, openPlain } from "./open-plain.ts";
import { isReadByName } from "./read-by-name.ts";
import { textOf } from "./text-of.ts";

const MAX_PATHS = 20_000;
const MAX_FILE_BYTES = 256 * 1024;
const MAX_BYTES = 8 * 1024 * 1024;
/** What only may be a script. */
const MAX_SCRIPT_BYTES = 64 * 1024;

export interface Pictured {
  readonly service: string;
  readonly config: ServiceConfig;
  readonly workspace: string;
  readonly distributions: ReadonlyMap<string, Distribution>;
}

/** Where a service is built: relative to the workspace. Absent where nothing is built. */
export interface BuildPlaces {
  readonly directory: string;
  readonly dockerfile: string;
  /** `additional_contexts` that are folders of the workspace. */
  readonly also: readonly string[];
}

export function buildPlaces(workspace: string, { build, raw }: ServiceConfig): BuildPlaces | undefined {
  if (!build) return undefined;
  const directory = relative(workspace, build.context);
  return { directory, dockerfile: relative(workspace, resolve(build.context, build.dockerfile)), also: alsoRead(workspace, raw) };
}

/** `{name: folder}` or `name=folder` each; images and addresses are no folders. */
function alsoRead(workspace: string, raw: JsonObject): string[] {
  const build = raw["build"];
  const contexts = isJsonObject(build) ? build["additional_contexts"] : undefined;
  const values = Array.isArray(contexts) ? contexts : Object.values(isJsonObject(contexts) ? contexts : {});
  const paths = values.flatMap((value) => (typeof value === "string" ? value.replace(/^[^=/]*=/, "") : []));
  return paths.filter((path) => path.startsWith(`${workspace}/`)).map((path) => relative(workspace, path));
}

/** The service as the catalogue looks at it, within the bounds of a snapshot. */
export async function snapshotOf(copy: Copy, { service, config, workspace, distributions }: Pictured): Promise<ServiceSnapshot> {
  const places = buildPlaces(workspace, config);
  const found = places ? await listPaths(copy.root, places.directory, MAX_PATHS) : [];
  const dockerfile = places && (await dockerfileIn(copy, places.dockerfile));
  const isListed = found.some(({ path }) => path === dockerfile?.path);
  const all = dockerfile && !isListed ? [...found.slice(0, MAX_PATHS - 1), dockerfile.facts].toSorted(byPath) : found;
  // An entrypoint may be called anything.
  const names = namesIn([dockerfile?.text, ...(config.entrypoint ?? []), ...(config.command ?? [])].join("\n"));
  return {
    service,
    directory: places?.directory ?? "",
    ...(dockerfile && { dockerfile: { path: dockerfile.path, text: dockerfile.text } }),
    ...(config.build?.target !== undefined && { target: config.build.target }),
    buildArgs: config.build?.args ?? {},
    paths: all.map(({ path }) => path),
    files: await textsIn(copy, all, names),
    modes: new Map(all.map(({ path, mode }) => [path, mode])),
    config,
    distributions,
  };
}

async function dockerfileIn(copy: Copy, path: string): Promise<{ path: string; text: string; facts: PathFacts } | undefined> {
  const read = await textAt(copy, path);
  return read && { path, text: read.text, facts: { path, mode: read.mode, size: read.text.length, isPlain: true } };
}

async function textsIn(copy: Copy, found: readonly PathFacts[], named: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  let left = MAX_BYTES;
  for (const facts of found.filter((one) => isRead(one, named))) {
    if (facts.size > left) continue;
    const read = await textAt(copy, facts.path);
    if (!read) continue;
    texts.set(facts.path, read.text);
    left -= facts.size;
  }
  return texts;
}

function isRead({ path, mode, size, isPlain }: PathFacts, named: ReadonlySet<string>): boolean {
  if (!isPlain || size > MAX_FILE_BYTES || path.split("/").includes("node_modules")) return false;
  if (isReadByName(path)) return true;
  return size <= MAX_SCRIPT_BYTES && (named.has(posix.basename(path)) || (mode & 0o111) !== 0);
}

async function textAt({ root }: Copy, path: string): Promise<{ text: string; mode: number } | undefined> {
  const file = await openPlain(root, path, constants.O_RDONLY).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  if (!file) return undefined;
  try {
    const { mode, size } = await file.stat();
    const text = size > MAX_FILE_BYTES ? undefined : textOf(await file.readFile());
    return text === undefined ? undefined : { text, mode: mode & 0o777 };
  } finally {
    await file.close();
  }
}

function byPath(a: PathFacts, b: PathFacts): number {
  return a.path < b.path ? -1 : 1;
}
