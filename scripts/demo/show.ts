import { rm } from "node:fs/promises";
import { messageOf } from "../../src/kernel/errors.ts";
import { processesWith } from "./processes.ts";
import { orco, type Stage } from "./stage.ts";
import type { Step } from "./steps.ts";

const EVIDENCE_LINES = 15;
const QUIET_LOOKS = 2;
const LOOK_EVERY_MS = 50;

interface Show {
  readonly stage: Stage;
  readonly steps: readonly Step[];
  /** What is to be taken away beside processes and files. */
  readonly cleanUp?: () => Promise<void>;
}

/** Plays the steps in order, takes everything away, and exits: 0 when every step held, 1 with the step that did not. */
export async function show({ stage, steps, cleanUp = async () => undefined }: Show): Promise<never> {
  const startedAt = performance.now();
  const leaving: { code?: number } = {};
  // A terminal and npm both pass Ctrl-C on: the second one must not cut the cleaning up short.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void leave(130));
  return leave(await play());

  async function play(): Promise<number> {
    for (const [index, { name, run }] of steps.entries()) {
      console.log(`\n${stamp()}  ${index + 1}/${steps.length}  ${name}`);
      try {
        await run(stage, (text) => console.log(text.trimEnd().replaceAll(/^/gm, "         ")));
      } catch (error) {
        console.error(`\n${stamp()}  FAILED in step ${index + 1} (${name}):\n${messageOf(error)}${await evidence(stage)}`);
        return 1;
      }
    }
    console.log(`\n${stamp()}  all ${steps.length} steps held`);
    return 0;
  }

  function stamp(): string {
    return `[${((performance.now() - startedAt) / 1000).toFixed(1).padStart(4)} s]`;
  }

  async function leave(code: number): Promise<never> {
    if (leaving.code !== undefined) return new Promise(() => undefined);
    leaving.code = code;
    await cleanUp();
    await clear(stage);
    process.exit(code);
  }
}

/** Whatever happened: nothing of the demo stays behind, not even a daemon that was just being started. */
async function clear(stage: Stage): Promise<void> {
  if (processesWith(stage.folder).length > 0) await orco(stage, "shutdown");
  for (let quiet = 0; quiet < QUIET_LOOKS; await Bun.sleep(LOOK_EVERY_MS)) {
    const left = processesWith(stage.folder);
    quiet = left.length === 0 ? quiet + 1 : 0;
    left.forEach(kill);
  }
  await rm(stage.folder, { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}

/** The folder is about to go: what is known about the failure is shown now. */
async function evidence(stage: Stage): Promise<string> {
  const file = Bun.file(`${stage.home}/daemon.log`);
  const log = (await file.exists()) ? (await file.text()).split("\n").filter((line) => !line.includes('"msg":"request"')) : [];
  const { stdout: events } = await orco(stage, "events");
  return [
    ["the end of daemon.log:", ...tail(log)],
    ["the last events:", ...tail(events.split("\n"))],
  ]
    .map((lines) => `\n${lines.join("\n  ")}`)
    .join("");
}

function tail(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== "").slice(-EVIDENCE_LINES);
}
