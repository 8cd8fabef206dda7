/** patcher.ts WORKSPACE KEEP: applies a patch and takes it back, again and again, until it is killed. Says `patching` when it has begun. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { applyChanges, revertChanges } from "../../src/repair/patch/apply.ts";

const [workspace = "", keep = ""] = process.argv.slice(2);
const sha256 = (path: string): string =>
  createHash("sha256")
    .update(readFileSync(join(workspace, path)))
    .digest("hex");
const changes = [
  { path: "api/Dockerfile", preSha256: sha256("api/Dockerfile"), after: Buffer.alloc(200_000, "b") },
  { path: "api/requirements.txt", preSha256: sha256("api/requirements.txt"), after: Buffer.from("") },
  { path: "api/gone", preSha256: sha256("api/gone"), after: null },
  { path: "api/new", preSha256: null, after: Buffer.from("new") },
  { path: "api/folder/in/folder", preSha256: null, after: Buffer.from("new"), mode: 0o755 },
];

console.log("patching");
for (;;) {
  await applyChanges({ workspace, changes, keep });
  await revertChanges({ workspace, keep });
}
