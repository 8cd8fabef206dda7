import { copyFileSync, renameSync } from "node:fs";
import { expect, test } from "bun:test";
import { event, refused, Scratch, seqs } from "./journal-fixture.ts";

test("a journal whose file is gone or another one acknowledges nothing; put back, it goes on without a gap", async () => {
  using scratch = new Scratch();
  const told: string[] = [];
  const journal = scratch.open({ log: (message) => void told.push(message) });
  await journal.append([event("a")]);
  expect(journal.failure()).toBeUndefined();
  const aside = `${scratch.path}.aside`;
  renameSync(scratch.path, aside);
  expect(await refused(() => journal.append([event("a")]))).toMatchObject({ code: "unavailable" });
  expect(journal.failure()?.message).toContain("was deleted");
  copyFileSync(aside, scratch.path);
  expect((await refused(() => journal.append([event("a")]))).message).toContain("was replaced");
  renameSync(aside, scratch.path);
  expect(seqs(await journal.append([event("a")]))).toEqual([2]);
  expect(journal.failure()).toBeUndefined();
  expect([told.length, told.at(-1)]).toEqual([2, "journal writes again"]);
});
