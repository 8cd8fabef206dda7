import { accessSync, chmodSync, constants, mkdirSync } from "node:fs";
import { errnoOf, messageOf, OrcoError } from "./errors.ts";

/** Makes `$ORCO_HOME` where it is missing, for its owner alone. Throws `disk_full`, or `config` when it cannot be used (facts: home). */
export function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    chmodSync(home, 0o700);
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = errnoOf(error) === "ENOSPC" ? "disk_full" : "config";
    const next = "make it a folder that you can write, or choose another one with ORCO_HOME";
    throw new OrcoError(code, `no state can be kept in ${home}: ${messageOf(error)}`, { home, next });
  }
}
