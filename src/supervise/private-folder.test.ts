import { afterAll, afterEach, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statfsSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePrivateFolder, memoryFolders, privateFolderAt, removePrivateFolder } from "./private-folder.ts";

const home = mkdtempSync(join(tmpdir(), "orco-private-"));
const inMemory = mkdtempSync("/dev/shm/orco-test-");
const made: string[] = [];

function request(bases: readonly string[] = [inMemory]): Parameters<typeof makePrivateFolder>[0] {
  const at = join(home, `instance-${made.length}`, "secrets");
  made.push(at);
  return { at, name: `secrets-${process.pid}-${made.length}`, bases };
}

afterEach(() => {
  for (const at of made) removePrivateFolder(at);
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  rmSync(inMemory, { recursive: true, force: true });
});

test("is in memory, its owner's alone, found again by its link and removed by it", () => {
  const wanted = request([home, "/nowhere", inMemory]);
  const { path, inMemory: held } = makePrivateFolder(wanted);
  expect([held, statfsSync(path).type, statSync(path).mode & 0o777]).toEqual([true, 0x01021994, 0o700]);
  expect([privateFolderAt(wanted.at), lstatSync(wanted.at).isSymbolicLink()]).toEqual([path, true]);
  writeFileSync(join(path, "A"), "a");
  removePrivateFolder(wanted.at);
  expect([existsSync(path), existsSync(wanted.at)]).toEqual([false, false]);
});

test("without memory for files it is an ordinary folder", () => {
  const wanted = request([home]);
  const { path, inMemory: held } = makePrivateFolder(wanted);
  expect([path, held, privateFolderAt(wanted.at), statSync(path).mode & 0o777]).toEqual([wanted.at, false, wanted.at, 0o700]);
  writeFileSync(join(path, "A"), "a");
  removePrivateFolder(wanted.at);
  expect(existsSync(wanted.at)).toBe(false);
});

test("a folder that somebody else made there is not used", () => {
  const wanted = request();
  mkdirSync(join(inMemory, `orco-${wanted.name}`));
  expect(makePrivateFolder(wanted)).toEqual({ path: wanted.at, inMemory: false });
});

test("made again, what was there before is gone", () => {
  const wanted = request();
  const first = makePrivateFolder(wanted).path;
  writeFileSync(join(first, "A"), "a");
  const again = makePrivateFolder(wanted).path;
  expect(existsSync(join(again, "A"))).toBe(false);
});

test("a link that leads elsewhere is removed, not what it leads to", () => {
  const wanted = request();
  const precious = join(home, "precious");
  mkdirSync(precious);
  makePrivateFolder({ ...wanted, bases: [] });
  rmSync(wanted.at, { recursive: true });
  symlinkSync(precious, wanted.at);
  removePrivateFolder(wanted.at);
  expect([existsSync(precious), existsSync(wanted.at)]).toEqual([true, false]);
});

test("folders of memory: the session's before the machine's", () => {
  const root = process.getuid?.() === 0 ? ["/run"] : [];
  expect(memoryFolders({ XDG_RUNTIME_DIR: "/run/user/7" })).toEqual([...root, "/run/user/7", "/dev/shm"]);
  expect(memoryFolders({ XDG_RUNTIME_DIR: "relative" })).toEqual([...root, "/dev/shm"]);
});
