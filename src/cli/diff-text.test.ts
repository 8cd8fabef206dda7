import { expect, test } from "bun:test";
import { diffText } from "./diff-text.ts";

const DIFF = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n-old \u001b[2J\n+new\u202e\n";

test("a diff is in colour where there are colours, and nothing in it drives the terminal", () => {
  expect(diffText(DIFF, { color: false })).toBe("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n-old \n+new");
  expect(diffText(DIFF, { color: true }).split("\n")).toEqual([
    "\u001b[1mdiff --git a/x b/x\u001b[0m",
    "\u001b[1m--- a/x\u001b[0m",
    "\u001b[1m+++ b/x\u001b[0m",
    "\u001b[36m@@ -1,2 +1,2 @@\u001b[0m",
    " same",
    "\u001b[31m-old \u001b[0m",
    "\u001b[32m+new\u001b[0m",
  ]);
});
