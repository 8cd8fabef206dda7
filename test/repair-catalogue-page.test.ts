import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { cataloguePage } from "../scripts/catalogue-page/page.ts";
import { CATALOGUE } from "../src/repair/catalogue/catalogue.ts";
import { CONFIDENCE } from "../src/repair/catalogue/diagnosis.ts";

const page = readFileSync(new URL("../docs/references/repair-catalogue.md", import.meta.url), "utf8");

test("the page of the catalogue is what the code says", () => {
  expect(page, "run `bun scripts/catalogue-page.ts` and commit what it writes").toBe(cataloguePage(CATALOGUE, CONFIDENCE));
});

test("it names every signature", () => {
  for (const { slug } of CATALOGUE) expect(page).toContain(`| \`${slug}\` |`);
});
