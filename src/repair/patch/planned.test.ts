import { expect, test } from "bun:test";
import { linkSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changesNow, textIn } from "./planned.ts";

const DIFF = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\ufeffa\n+b\n";

test("text is read to the byte; what is no text is refused, and a file that has another name is not patched", () => {
  const workspace = mkdtempSync(join(tmpdir(), "orco-planned-"));
  try {
    writeFileSync(join(workspace, "x"), "\ufeffa\n");
    expect(changesNow(workspace, DIFF)).toEqual([{ path: "x", before: "\ufeffa\n", after: "b\n" }]);
    expect(textIn(workspace, "none")).toBeNull();
    linkSync(join(workspace, "x"), join(workspace, "y"));
    expect(() => changesNow(workspace, DIFF)).toThrow("has 2 names");
    expect(textIn(workspace, "x")).toBe("\ufeffa\n");
    rmSync(join(workspace, "y"));
    writeFileSync(join(workspace, "x"), new Uint8Array([0xff, 10]));
    expect(() => changesNow(workspace, DIFF)).toThrow(expect.objectContaining({ code: "patch_refused" }));
  } finally {
    rmSync(workspace, { recursive: true });
  }
});
