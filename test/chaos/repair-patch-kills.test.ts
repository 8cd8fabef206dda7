import { expect, test } from "bun:test";
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyChanges, revertChanges } from "../../src/repair/patch/apply.ts";
import { sha256Of } from "../../src/repair/patch/place.ts";
import { between, cycles } from "./rig.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { diskTest, SmallDisk } from "./disk.ts";

const PATCHER = new URL("../programs/patcher.ts", import.meta.url).pathname;
const KILLS = cycles(40, 200);
const clock = systemClock();

function workspaceIn(root: string): string {
  const workspace = join(root, "work");
  mkdirSync(join(workspace, "api"), { recursive: true });
  writeFileSync(join(workspace, "api/Dockerfile"), Buffer.alloc(100_000, "a"));
  writeFileSync(join(workspace, "api/requirements.txt"), new Uint8Array([0, 255, 13, 10]));
  writeFileSync(join(workspace, "api/gone"), "1");
  chmodSync(join(workspace, "api/gone"), 0o751);
  return workspace;
}

function tree(dir: string): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(
    names.map((name) => {
      const stat = lstatSync(join(dir, name));
      return [name, stat.isFile() ? `${stat.mode} ${stat.nlink} ${sha256Of(readFileSync(join(dir, name)))}` : String(stat.mode)];
    }),
  );
}

test(`a process that is killed ${KILLS} times while it patches or takes back: the tree is as before, to the byte`, async () => {
  const root = mkdtempSync(join(tmpdir(), "orco-patch-kills-"));
  try {
    const [workspace, keep] = [workspaceIn(root), join(root, "keep")];
    const before = tree(workspace);
    let amid = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = Bun.spawn([process.execPath, PATCHER, workspace, keep], { stdout: "pipe", stderr: "inherit" });
      await child.stdout.getReader().read();
      await clock.sleep(between(0, 40));
      child.kill("SIGKILL");
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
      if (JSON.stringify(tree(workspace)) !== JSON.stringify(before)) amid++;
      expect(await revertChanges({ workspace, keep })).toEqual([]);
      expect([kill, tree(workspace)]).toEqual([kill, before]);
    }
    console.log(`${KILLS} kills, ${amid} of them amid a change`);
    expect(amid).toBeGreaterThan(0);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}, 300_000);

for (const full of ["work", "keep"])
  diskTest(`a disk that is full where ${full} lies: nothing is written, and with space it is`, async () => {
    const root = mkdtempSync(join(tmpdir(), "orco-patch-disk-"));
    const disk = new SmallDisk(join(root, full), 2 * 1024 * 1024);
    try {
      const [workspace, keep] = [workspaceIn(root), join(root, "keep/run")];
      const before = tree(workspace);
      const preSha256 = sha256Of(readFileSync(join(workspace, "api/Dockerfile")));
      const changes = [
        { path: "api/folder/new", preSha256: null, after: Buffer.from("new") },
        { path: "api/Dockerfile", preSha256, after: Buffer.alloc(200_000, "b") },
      ];
      disk.fill();
      const error = await applyChanges({ workspace, changes, keep }).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: "disk_full" });
      disk.free();
      expect(tree(workspace)).toEqual(before);
      await applyChanges({ workspace, changes, keep });
      expect(readFileSync(join(workspace, "api/Dockerfile")).length).toBe(200_000);
      expect(await revertChanges({ workspace, keep })).toEqual([]);
      expect(tree(workspace)).toEqual(before);
    } finally {
      disk.unmount();
      rmSync(root, { recursive: true, force: true });
    }
  });
