import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../test/until.ts";
import { Audit } from "../kernel/audit.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { JournalEvent, NewEvent, Write } from "../kernel/event.ts";
import { Scratch } from "../kernel/journal-fixture.ts";
import type { Runs } from "../workflow/execute.ts";
import { RepairBook } from "./book.ts";
import { type Admitted, type DeskParts, RepairDesk } from "./desk.ts";
import { RepairFiles } from "./files.ts";
import type { RepairHost } from "./host.ts";

const BY = { id: "alice" };
const REQUEST = {
  instruction: "mend it",
  targetService: "api",
  priority: "normal",
  requestedBy: BY,
  dryRun: false,
  logs: "boom s3cret",
} as const;

/** A desk whose run engine has one answer, and whose journal may refuse. */
function rig({ submit, refuses = () => false }: { submit: () => Promise<unknown>; refuses?: (sql: string) => boolean }) {
  const scratch = new Scratch();
  const journal = scratch.open();
  const { clock, folder } = scratch;
  const guarded = {
    read: journal.read.bind(journal),
    follow: journal.follow.bind(journal),
    query: journal.query.bind(journal),
    append: (events: readonly NewEvent[], writes: readonly Write[] = []): Promise<JournalEvent[]> => {
      if (writes.some(({ sql }) => refuses(sql))) return Promise.reject(new OrcoError("disk_full", "no room"));
      return journal.append(events, writes);
    },
  };
  const book = new RepairBook({ journal: guarded, clock, onChange: () => undefined });
  const files = new RepairFiles(join(folder, "artifacts"));
  const meter = { status: () => undefined, step: () => undefined };
  const audit = new Audit(guarded);
  const host = {
    audit,
    meter,
    folder: join(folder, "repairs"),
    isLeaving: () => false,
    onError: () => undefined,
  };
  const profile = { protected: false, roles: [], repair: "auto" };
  let workspace = "/srv/shop";
  const admit = async (): Promise<Admitted> =>
    ({
      project: { name: "shop", workspace },
      service: "api",
      profile,
      kind: "compose",
      mask: (text: string) => text.replaceAll("s3cret", "***"),
    }) as unknown as Admitted;
  const ended = Promise.withResolvers<void>();
  const run: { knows: boolean; row: object; steps: readonly object[] } = {
    knows: false,
    row: { status: "failed", error: { code: "build_failed", message: "" }, endedAt: 1 },
    steps: [],
  };
  const runs = {
    knows: () => run.knows,
    get: () => run.row,
    steps: () => run.steps,
    submit,
    settled: () => ended.promise,
  } as unknown as Runs;
  const parts = { book, files, clock, host: host as unknown as RepairHost, newId: () => "new", runs: () => runs, admit };
  const desk = new RepairDesk(parts as unknown as DeskParts);
  return { scratch, desk, book, audit, run, folder, ended, clock, move: (to: string) => (workspace = to) };
}

const ok = async (): Promise<null> => null;
const refusals: readonly [string, Parameters<typeof rig>[0], string][] = [
  ["its lane is full", { submit: () => Promise.reject(new OrcoError("busy", "256 changes are waiting already")) }, "busy"],
  ["it cannot be written", { submit: ok, refuses: (sql) => sql.includes("INSERT INTO repairs") }, "disk_full"],
  ["nobody could know who asked", { submit: ok, refuses: (sql) => sql.includes("INTO meta") }, "disk_full"],
];

test.each(refusals)("nothing stays of a repair that is not admitted: %s", async (_name, options, code) => {
  const { scratch, desk, book, folder } = rig(options);
  using _ = scratch;
  expect(await desk.create(REQUEST, "a").catch((error: unknown) => error)).toMatchObject({ code });
  expect([book.has("a"), book.unended(), existsSync(join(folder, "artifacts", "a"))]).toEqual([false, [], false]);
});

test("what comes with a request is kept without its secrets, also the reason of a retry and the address of a build", async () => {
  const { scratch, desk, book, folder } = rig({ submit: ok });
  using _ = scratch;
  await desk.create(REQUEST, "a");
  expect(await Bun.file(join(folder, "artifacts", "a", "given.log")).text()).toBe("boom ***");
  await desk.retry("a", { requestedBy: { id: "bob" }, reason: "with s3cret" }, "b");
  expect(book.get("b")).toMatchObject({ instruction: "mend it\n(retried: with ***)", formerRequesters: [BY] });
  await desk.ciFailed({ targetService: "api", logs: "x", url: "https://ci:t0ken@ci.test/builds/7?n=1", requestedBy: BY }, "c");
  expect(book.get("c").instruction).toBe("a build of api failed: https://ci.test/builds/7?n=1");
});

test("a retry is of the folder that its run was of, or of none", async () => {
  const { scratch, desk, book, move } = rig({ submit: ok });
  using _ = scratch;
  await desk.create(REQUEST, "a");
  move("/srv/other");
  expect(await desk.retry("a", { requestedBy: BY }, "b").catch((error: unknown) => error)).toMatchObject({ code: "conflict" });
  expect(book.has("b")).toBe(false);
});

test("a decision that a dead daemon could not note is noted by the next one, once; so is who waits", async () => {
  const { scratch, desk, book, audit, run } = rig({ submit: ok });
  using _ = scratch;
  await desk.create(REQUEST, "a");
  await book.change("a", ({ approval }) => ({ approval: { ...approval, status: "awaiting", asked: true } }));
  const result = { decision: "approve", approver: { id: "bob", role: "sre" }, comment: "seen", at: 1, content_hash: "" };
  Object.assign(run, {
    knows: true,
    row: { status: "running" },
    steps: [{ name: "approval", status: "completed", waiting: { kind: "approval" }, result }],
  });
  for (let life = 0; life < 2; life++) {
    desk.start();
    await audit.append({ at: 1, actor: "x", action: "last", subject: "y", facts: {} });
  }
  const noted = audit.list({ limit: 10 }).filter(({ subject, action }) => subject === "a" && action !== "repair.requested");
  expect(noted).toMatchObject([{ action: "repair.approved", actor: "bob (sre)", facts: { comment: "seen" } }]);
  expect(desk.awaiting()).toBe(1);
});

test("an end that cannot be noted is noted when there is room: until then the service counts as being repaired", async () => {
  let isFull = false;
  const found = rig({ submit: ok, refuses: () => isFull });
  using _ = found.scratch;
  await found.desk.create(REQUEST, "a");
  isFull = true;
  found.ended.resolve();
  await found.clock.advance(60_000);
  expect(found.book.isUnderWay("shop", "api")).toBe(true);
  isFull = false;
  await found.clock.advance(10_000);
  await until("its end", () => !found.book.isUnderWay("shop", "api"));
});

test("what could not be removed of one that was refused goes later, and not once it is asked for again", async () => {
  let isFull = false;
  const submit = async (): Promise<null> => {
    if (isFull) throw new OrcoError("busy", "full");
    return null;
  };
  const found = rig({ submit, refuses: (sql) => isFull && sql.startsWith("DELETE") });
  using _ = found.scratch;
  isFull = true;
  for (const id of ["a", "b"]) await found.desk.create(REQUEST, id).catch(() => undefined);
  expect(found.book.unended()).toEqual(["a", "b"]);
  isFull = false;
  await found.desk.create(REQUEST, "b");
  await found.clock.advance(10_000);
  await until("the other to go", () => found.book.unended().length === 1);
  expect(found.book.unended()).toEqual(["b"]);
});
