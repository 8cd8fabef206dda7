import type { RepairClient, RepairList, RepairsQuery } from "../client/repair.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { repairsTable } from "./repair-text.ts";

const SHOWN = "20";
const MAX_SHOWN = 500;

/** A page of a filtered list may be short, and not the last. */
async function upTo(client: RepairClient, query: RepairsQuery & { readonly limit: number }): Promise<RepairList> {
  let { runs, next_cursor: cursor } = await client.list(query);
  while (cursor !== undefined && runs.length < query.limit) {
    const more = await client.list({ ...query, limit: query.limit - runs.length, cursor });
    runs = [...runs, ...more.runs];
    cursor = more.next_cursor;
  }
  return { runs, ...(cursor !== undefined && { next_cursor: cursor }) };
}

/** `orco repairs`: newest first. */
export async function repairs(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const limit = countOf(textOption(options, "limit") ?? SHOWN, "--limit", { min: 1, max: MAX_SHOWN });
  const [status, service] = [textOption(options, "status"), textOption(options, "service")];
  const { repair: client } = await context.client();
  const found = await upTo(client, { limit, ...(status !== undefined && { status }), ...(service !== undefined && { service }) });
  if (global.json) io.out(`${JSON.stringify(found)}\n`);
  else if (found.runs.length === 0) context.note('there is none; make one: orco repair <service> "what to mend"');
  else io.out(`${repairsTable(found.runs, io.columns())}\n`);
  return undefined;
}
