import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "../../src/supervise/docker/engine.ts";
import { inspectImage } from "../../src/supervise/docker/images.ts";
import { dockerHere } from "../docker/engine.ts";

/** examples/repair as its own script shows it: nobody edits anything. */
const SCRIPT = join(import.meta.dirname, "../../examples/repair/repair-all.sh");
/** What they are built on. */
export const EXAMPLE_IMAGES = ["debian:bookworm-slim", "python:3.11-slim", "node:20-slim"];

/** With what it prints, and what it leaves in the folder for temporary files. */
export async function runExamples(...args: string[]): Promise<{ code: number; out: string; left: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "orco-examples-"));
  try {
    const env = { ...process.env, NO_COLOR: "1", TMPDIR: folder };
    const child = Bun.spawn([SCRIPT, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== 0) console.log(`${out}${err}`);
    return { code, out: `${out}${err}`, left: readdirSync(folder).filter((name) => name.startsWith("orco-")) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `module succeeded`: rows of the table at the end, sorted. */
export function statuses(out: string): string[] {
  return [...out.matchAll(/^[0-9a-f]{8}-[0-9a-f-]{27} +\S+\/(\S+) +(\w+) /gm)]
    .map(([, service, status]) => `${service} ${status}`)
    .toSorted();
}

/**
 * Whether what is built on these images, and asks package indexes, is to be tested here: `npm run chaos` makes the images, which takes minutes
 * (examples/repair/images.sh). The gate has no time for that: it tests where they are.
 */
export async function canBuildExamples(images: readonly string[]): Promise<boolean> {
  const engine = await dockerHere();
  if (!engine) return false;
  if (process.env["ORCO_CHAOS_CYCLES"] !== undefined) return true;
  const missing = await firstMissing(engine, images);
  if (missing !== undefined) console.log(`skipped: there is no image ${missing}; examples/repair/images.sh makes it`);
  return missing === undefined;
}

async function firstMissing(engine: Engine, images: readonly string[]): Promise<string | undefined> {
  for (const image of images)
    if (
      !(await inspectImage(engine, image, { timeoutMs: 5000 }).then(
        () => true,
        () => false,
      ))
    )
      return image;
  return undefined;
}
