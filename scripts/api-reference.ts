/** Writes `docs/references/orchestrator-api.md` from what a daemon serves at `/openapi.json`, and from `api-reference/notes.md`. A test holds the file against it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Document } from "./api-reference/document.ts";
import { apiReference } from "./api-reference/page.ts";

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
  const notes = await Bun.file(`${ROOT}scripts/api-reference/notes.md`).text();
  await Bun.write(`${ROOT}docs/references/orchestrator-api.md`, apiReference(document, notes));
} finally {
  daemon.kill();
  await daemon.exited;
  rmSync(home, { recursive: true, force: true });
}
