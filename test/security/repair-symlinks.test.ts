import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OrcoError } from "../../src/kernel/errors.ts";
import { applyChanges, revertChanges } from "../../src/repair/patch/apply.ts";
import { sha256Of } from "../../src/repair/patch/place.ts";

const ATTEMPTS = 10_000;
/** A gate does not wait for all of them on a machine that is busy. */
const GATE_MS = Number(process.env["ORCO_CHAOS_CYCLES"] ?? 0) > 0 ? 15 * 60_000 : 25_000;
const SWAPPER = new URL("../programs/link-swapper.ts", import.meta.url).pathname;
const BEFORE = "FROM a\n";
const AFTER = Buffer.from("FROM b\n");

let root: string;
let workspace: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orco-links-"));
  workspace = join(root, "work");
  // What lies outside looks just like what is patched: only the way there tells them apart.
  for (const folder of ["work/services/api/deep", "outside/api/deep", "outside/deep"]) {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, folder, "Dockerfile"), BEFORE);
  }
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function outside(): Record<string, string> {
  const names = readdirSync(join(root, "outside"), { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(
    names.map((name) => [name, lstatSync(join(root, "outside", name)).isFile() ? readFileSync(join(root, "outside", name), "utf8") : ""]),
  );
}

async function swapping(folder: string, ...targets: string[]): Promise<AsyncDisposable> {
  const child = Bun.spawn([process.execPath, SWAPPER, join(workspace, folder), ...targets.map((target) => join(root, target))], {
    stdout: "pipe",
    stderr: "inherit",
  });
  await child.stdout.getReader().read();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      // Killed anywhere in its turn.
      for (const name of [".link", ".aside"]) {
        const left = join(workspace, `${folder}${name}`);
        if (!existsSync(left) || lstatSync(left).isSymbolicLink()) continue;
        rmSync(join(workspace, folder), { force: true });
        renameSync(left, join(workspace, folder));
      }
    },
  };
}

type Outcome = "written" | "refused";

async function attempt(keep: string): Promise<Outcome> {
  const path = "services/api/deep/Dockerfile";
  const changes = [
    { path, preSha256: sha256Of(BEFORE), after: AFTER },
    { path: "services/api/deep/new/file", preSha256: null, after: AFTER },
  ];
  try {
    await applyChanges({ workspace, changes, keep });
    return "written";
  } catch (error) {
    if (!(error instanceof OrcoError)) throw error;
    expect(["patch_refused", "plan_outdated"]).toContain(error.code);
    return "refused";
  }
}

for (const folder of ["services", "services/api", "services/api/deep"])
  test(
    `while ${folder} is swapped for links, nothing outside is written`,
    async () => {
      const before = outside();
      const counts: Record<Outcome, number> = { written: 0, refused: 0 };
      const keep = join(root, "keep");
      const ends = performance.now() + GATE_MS / 3;
      let attempts = 0;
      {
        await using _ = await swapping(folder, "outside", "outside/api", "outside/deep");
        for (; attempts < Math.ceil(ATTEMPTS / 3) && performance.now() < ends; attempts++) {
          counts[await attempt(keep)]++;
          // The way is blocked now and then: once more, until it is open.
          for (let turn = 0; turn < 10_000 && (await revertChanges({ workspace, keep })).length > 0; turn++);
        }
      }
      console.log(`${folder}: ${attempts} attempts, ${counts.written} written, ${counts.refused} refused`);
      expect(outside()).toEqual(before);
      expect(await revertChanges({ workspace, keep })).toEqual([]);
      const deep = join(workspace, "services/api/deep");
      expect([readdirSync(deep).toSorted(), readFileSync(join(deep, "Dockerfile"), "utf8")]).toEqual([["Dockerfile"], BEFORE]);
      expect(counts.written).toBeGreaterThan(0);
      expect(counts.refused).toBeGreaterThan(0);
    },
    GATE_MS + 30_000,
  );
