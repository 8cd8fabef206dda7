import { afterEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { ANSWERS } from "./answers.ts";
import { encodeCursor } from "./page.ts";
import { codeOf, documented, RepairSite } from "./repair-site.fake.ts";

let site: RepairSite;
afterEach(() => site.server.dispose());

async function withRecords(count: number): Promise<void> {
  site = new RepairSite();
  for (let n = 1; n <= count; n++)
    await site.server.daemon.audit.append({ at: n * 1000, actor: "bob", action: "repair.approved", subject: `run/${n}`, facts: { n } });
}

interface Page {
  readonly records: readonly { readonly seq: number; readonly subject: string }[];
  readonly next_cursor?: string;
}

test("records come newest first, in pages", async () => {
  await withRecords(5);
  const seen: number[] = [];
  let pages = 0;
  for (let path: string | undefined = "/audit?limit=2"; path !== undefined; pages++) {
    const response = await site.ask(path);
    const page: Page = await documented<Page>(response, ANSWERS.AuditList);
    seen.push(...page.records.map(({ seq }) => seq));
    path = /^<(.+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    expect(path === undefined).toBe(page.next_cursor === undefined);
  }
  expect({ seen, pages }).toEqual({ seen: [5, 4, 3, 2, 1], pages: 3 });
  const ofAnother = encodeCursor("1", { list: "runs" });
  for (const query of ["cursor=x", `cursor=${ofAnother}`, "limit=0", "actor=bob"])
    expect(await codeOf(await site.ask(`/audit?${query}`))).toEqual({ status: 400, code: "invalid" });
});

test("the chain is verified; one record that was changed is told by its number", async () => {
  await withRecords(3);
  const verify = async (): Promise<unknown> => documented(await site.ask("/audit/verify"), ANSWERS.AuditVerdict);
  const { records } = await documented<{ records: { hash: string }[] }>(await site.ask("/audit"), ANSWERS.AuditList);
  expect(await verify()).toEqual({ ok: true, records: 3, head: records[0]?.hash });
  const db = new Database(join(site.server.socket, "..", "orco.db"));
  db.run(`UPDATE events SET data = replace(data, 'bob', 'eve') WHERE topic = 'audit' AND topic_seq = 2`);
  db.close();
  expect(await verify()).toMatchObject({ ok: false, seq: 2, reason: expect.stringContaining("record 2") });
});
