import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROGRAM = resolve(import.meta.dirname, "../../../test/programs/watch-once.ts");
/** The limits of a user namespace are its own: this machine's stay as they are. */
const mayUnshare = Bun.spawnSync(["unshare", "-Ur", "sh", "-c", "echo 3 > /proc/sys/user/max_inotify_watches"]).exitCode === 0;

for (const [limit, value, sysctl] of [
  ["max_inotify_watches", 3, "fs.inotify.max_user_watches"],
  ["max_inotify_instances", 0, "fs.inotify.max_user_instances"],
] as const)
  test.skipIf(!mayUnshare)(`where ${sysctl} is reached it says so once, and looks for itself`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "orco-limits-"));
    for (let n = 0; n < 8; n++) mkdirSync(join(dir, `d${n}`));
    const script = `echo ${value} > /proc/sys/user/${limit}; exec "$0" "$1" "$2"`;
    const child = Bun.spawn(["unshare", "-Ur", "sh", "-c", script, process.execPath, PROGRAM, dir], { stdout: "pipe" });
    let out = "";
    for await (const chunk of child.stdout) {
      const watchedBefore = out.includes("watching");
      out += new TextDecoder().decode(chunk);
      if (!watchedBefore && out.includes("watching")) writeFileSync(join(dir, "d7", "f"), "");
    }
    expect(out.match(/trouble: /g)?.length).toBe(1);
    expect(out).toContain(`the inotify limit ${sysctl}`);
    expect(out).toContain(`raise it: sudo sysctl ${sysctl}=`);
    expect(out).toContain(`seen: ${join(dir, "d7", "f")}`);
    rmSync(dir, { recursive: true });
  });
