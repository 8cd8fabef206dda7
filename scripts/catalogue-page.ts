/** Writes `docs/references/repair-catalogue.md` from the catalogue of repairs. A test holds the page against it. */
import { CATALOGUE } from "../src/repair/catalogue/catalogue.ts";
import { CONFIDENCE } from "../src/repair/catalogue/diagnosis.ts";
import { cataloguePage } from "./catalogue-page/page.ts";

const ROOT = new URL("..", import.meta.url).pathname;
await Bun.write(`${ROOT}docs/references/repair-catalogue.md`, cataloguePage(CATALOGUE, CONFIDENCE));
