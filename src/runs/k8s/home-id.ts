import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf } from "../../kernel/errors.ts";

/** Names this home in clusters that several daemons use, and stays when the home moves to another machine: `$ORCO_HOME/k8s/home-id`. */
export function homeId(home: string): string {
  const path = join(home, "k8s", "home-id");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(path, crypto.randomUUID().replaceAll("-", "").slice(0, 16), { flag: "wx", mode: 0o600, flush: true });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  return readFileSync(path, "utf8").trim();
}
