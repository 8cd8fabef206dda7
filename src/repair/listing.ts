import type { RepairBook } from "./book.ts";
import type { RepairRecord } from "./record.ts";
import type { RepairPage, RepairQuery } from "./service.ts";
import { runStatusesOf } from "./status.ts";
import type { RunSummary } from "./view.ts";

/** Records read for one page of a filtered list; the next page goes on from there. */
const MOST_SCANNED = 10_000;
const SCAN = 200;

interface Listing {
  readonly book: Pick<RepairBook, "list" | "lanes">;
  /** Undefined where its run never was. */
  readonly summary: (record: RepairRecord) => RunSummary | undefined;
}

/** Newest first. The database leaves out what cannot match; what a status is in the end only the whole record says. */
export function listed({ book, summary }: Listing, { status, service, limit, before }: RepairQuery): RepairPage {
  const among = {
    limit: SCAN,
    ...(service !== undefined && { lanes: book.lanes().filter((lane) => lane.endsWith(`/${service}`)) }),
    ...(status !== undefined && { runStatuses: runStatusesOf(status) }),
  };
  const runs: RunSummary[] = [];
  let at = before;
  for (let scanned = 0; scanned < MOST_SCANNED; scanned += SCAN) {
    const records = book.list({ ...among, ...(at !== undefined && { before: at }) });
    for (const record of records) {
      const found = summary(record);
      if (!found || (status ?? found.status) !== found.status || !isOf(record, service)) continue;
      if (runs.length === limit) return { runs, before: runs.at(-1)?.run_id ?? record.id };
      runs.push(found);
    }
    if (records.length < SCAN) return { runs };
    at = records.at(-1)?.id;
  }
  return { runs, ...(at !== undefined && { before: at }) };
}

function isOf({ project, service }: RepairRecord, wanted: string | undefined): boolean {
  return wanted === undefined || service === wanted || `${project}/${service}` === wanted;
}
