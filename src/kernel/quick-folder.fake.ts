import { existsSync } from "node:fs";
import { tmpdir } from "node:os";

const MEMORY = "/dev/shm";

/** Where folders of tests lie that commit thousands of times, and test no disk: waiting for one would take minutes on some machines. */
export function quickFolder(): string {
  return existsSync(MEMORY) ? MEMORY : tmpdir();
}
