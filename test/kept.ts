import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../src/kernel/errors.ts";

export interface KeptFile {
  readonly path: string;
  /** Its bytes as latin1. */
  readonly text: string;
}

/** Every file below a folder that somebody works in: what goes meanwhile is left out. */
export function keptIn(folder: string): KeptFile[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.flatMap(({ parentPath, name }) => {
    const path = join(parentPath, name);
    try {
      return [{ path, text: readFileSync(path, "latin1") }];
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
  });
}
