import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repoMeant } from "./repo-meant.ts";

const root = mkdtempSync(join(tmpdir(), "orco-repo-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("a path counts when a repository is there, a URL as it is", () => {
  mkdirSync(join(root, "tree/.git"), { recursive: true });
  mkdirSync(join(root, "bare/objects"), { recursive: true });
  writeFileSync(join(root, "bare/HEAD"), "ref: refs/heads/main\n");
  expect(repoMeant("tree", root)).toBe(join(root, "tree"));
  expect(repoMeant("../bare", join(root, "tree"))).toBe(join(root, "bare"));
  for (const url of ["https://example.org/a.git", "git@example.org:a", "ssh://example.org/a"]) expect(repoMeant(url, root)).toBe(url);
});

test("what is no repository is refused at once, and where the next one is is said", () => {
  mkdirSync(join(root, "plain"), { recursive: true });
  mkdirSync(join(root, "app/.git"), { recursive: true });
  mkdirSync(join(root, "app/web"), { recursive: true });
  expect(() => repoMeant("plain", root)).toThrow("is not a git repository; make it one");
  expect(() => repoMeant("app/web", root)).toThrow(`an app is a whole repository: --repo ${join(root, "app")}`);
  expect(() => repoMeant("gone", root)).toThrow("there is nothing at");
  expect(() => repoMeant("", root)).toThrow("not an empty text");
});
