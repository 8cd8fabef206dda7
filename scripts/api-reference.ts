/** Writes the pages of `api-reference/references.ts` from what a daemon serves at `/openapi.json`, and from their notes. A test holds the files against it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Document } from "./api-reference/document.ts";
import { apiReference } from "./api-reference/page.ts";
import { REFERENCES } from "./api-reference/references.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const home = mkdtempSync(join(tmpdir(), "orco-api-reference-"));
const daemon = Bun.spawn([`${ROOT}bin/orco`, "serve"], {
  env: { ...process.env, ORCO_HOME: home, ORCHD_BIND_ADDR: "127.0.0.1:0", ORCO_LOG_LEVEL: "silent" },
  stdout: "pipe",
});
try {
  const first = await daemon.stdout.getReader().read();
  const [url] = /http:\S+/.exec(new TextDecoder().decode(first.value)) ?? [];
  if (url === undefined) throw new Error("the daemon did not start");
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  for (const reference of REFERENCES) {
    const notes = await Bun.file(`${ROOT}${reference.notes}`).text();
    await Bun.write(`${ROOT}${reference.page}`, apiReference(document, notes, reference));
  }
} finally {
  daemon.kill();
  await daemon.exited;
  rmSync(home, { recursive: true, force: true });
}
