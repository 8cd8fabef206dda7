import { OrcoError } from "../../kernel/errors.ts";
import { inspectContainer } from "./containers.ts";
import type { CallOptions, Engine } from "./engine.ts";
import { TAR_BLOCK } from "./tar.ts";

/** Lists of users are short. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Numbers of a user as docker takes it (`name`, `uid`, `name:group`, …; empty: the one the container was made with), looked up in the container's own files.
 * It need not run. Throws `invalid` for one that does not exist.
 */
export async function containerOwner(
  engine: Engine,
  container: string,
  { user, ...options }: CallOptions & { user: string },
): Promise<Owner> {
  const wanted = user === "" ? await ownUser(engine, container, options) : user;
  const [name = "", group] = wanted.split(":");
  if (name === "" || wanted === "0" || wanted === "0:0") return { uid: 0, gid: 0 };
  if (isNumber(name) && group !== undefined && isNumber(group)) return { uid: Number(name), gid: Number(group) };
  const passwd = await rowsOf(engine, container, { path: "/etc/passwd", ...options });
  const row = passwd.find((row) => row[0] === name) ?? passwd.find((row) => row[2] === name);
  if (!row && !isNumber(name)) throw unknown("user", name);
  const uid = Number(row?.[2] ?? name);
  if (group === undefined || group === "") return { uid, gid: Number(row?.[3] ?? 0) };
  if (isNumber(group)) return { uid, gid: Number(group) };
  const groups = await rowsOf(engine, container, { path: "/etc/group", ...options });
  const gid = groups.find((row) => row[0] === group)?.[2];
  if (gid === undefined) throw unknown("group", group);
  return { uid, gid: Number(gid) };
}

async function ownUser(engine: Engine, container: string, options: CallOptions): Promise<string> {
  return (await inspectContainer(engine, container, options)).Config.User ?? "";
}

function unknown(kind: "user" | "group", name: string): OrcoError {
  return new OrcoError("invalid", `the ${kind} ${name} does not exist in the container: give a number, or add it to the image`, {
    [kind]: name,
  });
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

async function rowsOf(engine: Engine, container: string, { path, ...options }: CallOptions & { path: string }): Promise<string[][]> {
  const text = await fileIn(engine, container, { path, ...options });
  return text.split("\n").map((line) => line.trim().split(":"));
}

/** Text of a small file of a container; empty where there is none, or it is no plain file. */
async function fileIn(engine: Engine, container: string, { path, ...options }: CallOptions & { path: string }): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of engine.stream("GET", `/containers/${encodeURIComponent(container)}/archive`, {
      ...options,
      query: { path },
    })) {
      size += chunk.length;
      if (size > MAX_FILE_BYTES) break;
      chunks.push(chunk.slice());
    }
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return "";
    throw error;
  }
  return firstFile(Buffer.concat(chunks));
}

/** The first plain file of a tar. */
function firstFile(tar: Buffer): string {
  for (let at = 0; at + TAR_BLOCK <= tar.length;) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
    const type = tar.toString("latin1", at + 156, at + 157);
    const begin = at + TAR_BLOCK;
    if (type === "0" || type === "\0") return tar.toString("utf8", begin, begin + size);
    at = begin + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
  return "";
}
