import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../kernel/errors.ts";

/**
 * Names this home to clusters and docker daemons that several homes use; paths do not, since each container has its own `/var/lib/orco`. It stays when the
 * home moves to another machine: `$ORCO_HOME/home-id`.
 */
export function homeId(home: string): string {
  const path = join(home, "home-id");
  mkdirSync(home, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, crypto.randomUUID().replaceAll("-", "").slice(0, 16), { flag: "wx", mode: 0o600, flush: true });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}
