import { describe, expect, test } from "bun:test";
import { repairFixtures } from "../../../test/repair-fixture.ts";
import { CATALOGUE, diagnose } from "./catalogue.ts";

const FIXTURES = repairFixtures();

describe("every fixture is explained", () => {
  for (const { name, meta, evidence, snapshot } of FIXTURES) {
    test(name, () => {
      const [best] = diagnose(evidence, snapshot);
      expect(best?.finding.signature ?? null).toBe(meta.expect.signature);
      if (!best) return;
      const { verdict, entry = meta.entry, edits = {}, dockerfile } = meta.expect;
      expect(best.finding.entry).toBe(entry);
      if (verdict) expect(best.finding.verdict).toBe(verdict);
      const changes = best.finding.verdict === "fix" || best.finding.verdict === "approve";
      expect(best.remedy !== undefined).toBe(changes);
      if (dockerfile !== undefined) expect(textAfter(best.remedy, "Dockerfile")).toBe(dockerfile);
      for (const [path, parts] of Object.entries(edits)) for (const part of parts) expect(textAfter(best.remedy, path)).toContain(part);
    });
  }
});

describe("the catalogue", () => {
  test("has all 25 numbers, and slugs of their own", () => {
    expect([...new Set(CATALOGUE.map(({ id }) => id))]).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    expect(new Set(CATALOGUE.map(({ slug }) => slug)).size).toBe(CATALOGUE.length);
  });

  test("has a recorded log, or one marked unrecorded, of every number", () => {
    const told = new Set(FIXTURES.filter(({ meta }) => meta.expect.signature !== null).map(({ meta }) => meta.entry));
    expect(CATALOGUE.map(({ id }) => id).filter((id) => !told.has(id))).toEqual([]);
  });
});

function textAfter(remedy: ReturnType<typeof diagnose>[number]["remedy"], path: string): string | undefined {
  const edits = remedy?.kind === "tool" ? remedy.run.edits : remedy?.edits;
  return edits?.find((edit) => edit.path === path)?.text;
}
