// mortal-serve.ts: `orco serve` that dies of SIGKILL at an exact write to its journal. Which one is told by `$ORCO_HOME/../death.json`, read (and
// removed) at the next write that has to do with a run or an app: {at: n-th such write from then on, counting from 1, when: "before" | "after" it is on disk}
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Journal } from "../../src/kernel/journal.ts";

interface Death {
  readonly at: number;
  readonly when: "before" | "after";
}

const file = join(process.env["ORCO_HOME"] ?? "", "../death.json");
const append = Object.getOwnPropertyDescriptor(Journal.prototype, "append")?.value as Journal["append"];
const fate: { death?: Death; writes: number } = { writes: 0 };

Journal.prototype.append = async function mortal(this: Journal, events, writes) {
  if (!events.some(({ topic }) => topic.startsWith("run/") || topic.startsWith("app/"))) return append.call(this, events, writes);
  if (!fate.death && existsSync(file)) {
    fate.death = JSON.parse(readFileSync(file, "utf8")) as Death;
    rmSync(file);
  }
  if (fate.death) fate.writes++;
  const isLast = fate.writes === fate.death?.at;
  if (isLast && fate.death?.when === "before") process.kill(process.pid, "SIGKILL");
  const written = await append.call(this, events, writes);
  if (isLast) process.kill(process.pid, "SIGKILL");
  return written;
};

await import("../../src/main.ts");
