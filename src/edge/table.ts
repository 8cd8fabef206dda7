import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import type { RouteTable } from "./route.ts";
import { parseTable } from "./table-parse.ts";

export const EMPTY_TABLE: RouteTable = { version: 0, fronts: [], trustedProxies: [] };

/** Where the edge of a home keeps its table, and its workers their sockets. */
export function edgeFolder(home: string): string {
  return join(home, "edge");
}

export function tablePath(folder: string): string {
  return join(folder, "routes.json");
}

/** What the file holds; `absent` when there is none, `problem` when it is torn, unreadable or not a table: whoever has routes keeps them. */
export type TableFile =
  | { readonly kind: "table"; readonly table: RouteTable }
  | { readonly kind: "absent" }
  | { readonly kind: "problem"; readonly why: string };

export function readTable(folder: string): TableFile {
  const path = tablePath(folder);
  try {
    return { kind: "table", table: parseTable(readFileSync(path, "utf8")) };
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? { kind: "absent" } : { kind: "problem", why: `${path}: ${messageOf(error)}` };
  }
}

/** Replaces the file, whole and durable: whoever reads meanwhile sees the old one or the new one. Throws `disk_full`, else `unavailable`. */
export async function writeTable(folder: string, table: RouteTable): Promise<void> {
  const path = tablePath(folder);
  const temporary = `${path}.tmp`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await withFile(temporary, "w", async (file) => {
      await file.writeFile(JSON.stringify(table));
      await file.sync();
    });
    await rename(temporary, path);
    await withFile(dirname(path), "r", (file) => file.sync());
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const code = ["ENOSPC", "EDQUOT", "EFBIG"].includes(errnoOf(error) ?? "") ? "disk_full" : "unavailable";
    throw new OrcoError(code, `the routes cannot be written to ${path}: ${messageOf(error)}; they are as before`, { file: path });
  }
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
