import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { composeFiles, normalName } from "./files.ts";
import { realPath } from "./inside.ts";
import { outsideSources } from "./sources.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "orco-files-")));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test("the files that compose finds by itself, with the override beside them", () => {
  const folder = folderWith({
    "docker-compose.yml": "",
    "docker-compose.override.yml": "",
    ".env": "A=1\nexport COMPOSE_PROJECT_NAME='shop' \n",
  });
  expect(composeFiles(folder)).toEqual({
    directory: folder,
    files: [join(folder, "docker-compose.yml"), join(folder, "docker-compose.override.yml")],
    envFile: join(folder, ".env"),
    name: "shop",
  });
  writeFileSync(join(folder, "compose.yaml"), "");
  expect(composeFiles(folder).files[0]).toBe(join(folder, "compose.yaml"));
});

test("files that are named, by a profile or by .env", () => {
  const folder = folderWith({ "a.yml": "", "b/c.yml": "", "b/.env": "", ".env": "COMPOSE_FILE=a.yml:b/c.yml # both\n" });
  expect(composeFiles(folder).files).toEqual([join(folder, "a.yml"), join(folder, "b/c.yml")]);
  expect(composeFiles(folder, "b/c.yml")).toEqual({
    directory: join(folder, "b"),
    files: [join(folder, "b/c.yml")],
    envFile: join(folder, "b/.env"),
  });
  expect(() => composeFiles(folder, "no.yml")).toThrow("no.yml is not there");
  expect(() => composeFiles(folderWith({}))).toThrow("there is no compose file");
});

test("a folder's name as compose makes a project's of it", () => {
  expect(["/srv/My Shop.2", "/srv/_x-y_", "/"].map(normalName)).toEqual(["myshop2", "x-y_", ""]);
});

test("what is included or extended from outside is found, over files in between and links", () => {
  const outside = folderWith({ "far.yml": "services: {}", "base.yml": "services: {}" });
  const folder = folderWith({
    "docker-compose.yml":
      "include: [more/in.yml, { path: [linked.yml, 'https://host/x.yml'] }]\nservices: { a: { extends: { file: ok.yml, service: a } } }\n",
    "more/in.yml": `services: { b: { extends: { file: ${outside}/base.yml, service: b } }, c: { extends: b } }\ninclude: [../docker-compose.yml]\n`,
    "ok.yml": "services: {}\n",
  });
  symlinkSync(join(outside, "far.yml"), join(folder, "linked.yml"));
  const refused = outsideSources([join(folder, "docker-compose.yml")], { workspace: folder, real: (path) => realPath(path) });
  expect(refused.map(({ pointer }) => pointer).toSorted()).toEqual(["/include/1", "/services/b/extends/file"]);
});

test("a link is followed even where it leads to nothing yet; one that leads to itself ends", () => {
  const folder = folderWith({});
  symlinkSync("/nowhere/at-all", join(folder, "away"));
  symlinkSync("self", join(folder, "self"));
  expect(realPath(join(folder, "away/x"))).toBe("/nowhere/at-all/x");
  expect(realPath(join(folder, "not/here"))).toBe(join(folder, "not/here"));
  expect(realPath(join(folder, "self"))).toStartWith(folder);
});
