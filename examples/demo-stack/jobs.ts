import { call, log, onStop, setting } from "./program.ts";

const DB_URL = `http://127.0.0.1:${setting("DB_PORT")}`;
const KEEP = Number(setting("KEEP_ENTRIES"));
const EVERY_MS = 1000;

interface Count {
  entries: number;
  archived: number;
}

const stopping = new AbortController();
onStop(() => stopping.abort());

/** Safe to run in two workers at once: the database archives in one transaction. */
async function tidyUp(): Promise<void> {
  const { archived } = await call<{ archived: number }>(`${DB_URL}/archive`, { method: "POST", body: JSON.stringify({ keep: KEEP }) });
  if (archived > 0) log("info", `archived ${archived} entries`);
}

const { entries, archived } = await call<Count>(`${DB_URL}/count`);
console.log(`ready: ${entries} entries, ${archived} archived`);
while (!stopping.signal.aborted) {
  await tidyUp().catch((error: Error) => log("warn", `the database does not answer: ${error.message}`));
  await Bun.sleep(EVERY_MS);
}
