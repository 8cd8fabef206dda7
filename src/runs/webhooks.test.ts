import { afterEach, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { until } from "../../test/until.ts";
import { type Clock, systemClock } from "../kernel/clock.ts";
import type { Journal } from "../kernel/journal.ts";
import { Scratch } from "../kernel/journal-fixture.ts";
import type { RunView } from "../workflow/view.ts";
import { webhookWrites } from "./webhook-outbox.ts";
import { pauseAfter } from "./webhook-try.ts";
import { Webhooks, type WebhooksPorts } from "./webhooks.ts";

const open: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

interface Seen {
  readonly headers: Headers;
  readonly text: string;
}

type Answer = Response | Promise<Response>;

function receiver(answer: (asked: number) => Answer, hostname = "127.0.0.1"): { url: string; seen: Seen[] } {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname,
    port: 0,
    async fetch(request) {
      seen.push({ headers: request.headers, text: await request.text() });
      return answer(seen.length);
    },
  });
  open.push({ stop: () => server.stop(true) });
  return { url: `http://${hostname}:${server.port}/hook/T0KEN`, seen };
}

function scratch(): Scratch {
  const made = new Scratch();
  open.push({ stop: () => made[Symbol.dispose]() });
  return made;
}

function view(id: string): RunView {
  const run = { kind: "plan", mode: "local", name: "x", status: "completed", owner: "me", metadata: {}, attempt: 1, steps: [] } as const;
  return { ...run, id, createdAt: "2026-01-01T00:00:00.000Z" };
}

function deliverer(journal: Journal, over: Partial<WebhooksPorts> = {}): Webhooks {
  const fail = (error: unknown): void => {
    throw error;
  };
  const log = (): void => undefined;
  const webhooks = new Webhooks({ journal, clock: systemClock(), env: {}, allow: ["127.0.0.0/8"], view, log, onError: fail, ...over });
  open.push({ stop: () => webhooks.close() });
  webhooks.start();
  return webhooks;
}

/** As the book does it: the end of the run and what is owed in one transaction. */
async function end(journal: Journal, id: string, webhook: { url: string; secretEnv?: string }): Promise<void> {
  const data = { runId: id, status: "completed" };
  await journal.append([{ topic: `run/${id}`, type: "run.completed", data }], webhookWrites({ id, webhook }, Date.now()));
}

function outcome(journal: Journal, count = 1): Promise<{ type: string; data: Record<string, unknown> }[]> {
  return until("the outcome is recorded", () => {
    const events = journal.read({ topic: "webhooks" });
    return events.length >= count ? events.map(({ type, data }) => ({ type, data: { ...data } })) : undefined;
  });
}

function owed(journal: Journal): number {
  return journal.query<{ n: number }>("SELECT count(*) AS n FROM outbox")[0]?.n ?? -1;
}

test("the end of a run is posted once, signed over timestamp and body", async () => {
  const journal = scratch().open();
  const { url, seen } = receiver(() => new Response());
  deliverer(journal, { env: { HOOK_SECRET: "s3cret" } });
  await end(journal, "r1", { url, secretEnv: "HOOK_SECRET" });
  expect(await outcome(journal)).toEqual([
    { type: "webhook.delivered", data: { runId: "r1", delivery: "webhook-r1", tries: 1, status: 200 } },
  ]);
  const { headers, text } = seen[0] ?? { headers: new Headers(), text: "" };
  expect(JSON.parse(text)).toEqual({ event: "run.completed", run: view("r1") });
  expect([headers.get("x-orco-event"), headers.get("x-orco-delivery")]).toEqual(["run.completed", "webhook-r1"]);
  const signed = `${headers.get("x-orco-timestamp")}.${text}`;
  expect(headers.get("x-orco-signature")).toBe(`sha256=${createHmac("sha256", "s3cret").update(signed).digest("hex")}`);
  expect([seen.length, owed(journal)]).toEqual([1, 0]);
});

test("what may pass is tried again as the same delivery, five times at most; what will not is given up at once", async () => {
  const journal = scratch().open();
  const shaky = receiver((asked) => new Response("", { status: asked < 3 ? 503 : 204 }));
  const gone = receiver(() => new Response("", { status: 410 }));
  const broken = receiver(() => new Response("", { status: 500 }));
  let now = Date.now();
  /** Each look is minutes after the last. */
  const quick: Clock = { ...systemClock(), now: () => (now += 200_000), after: (ms, fn) => systemClock().after(ms === 5000 ? ms : 1, fn) };
  await end(journal, "shaky", { url: shaky.url });
  await end(journal, "gone", { url: gone.url });
  await end(journal, "broken", { url: broken.url });
  const said: unknown[] = [];
  deliverer(journal, { clock: quick, log: (_, facts) => said.push(facts["run"]) });
  const found = new Map((await outcome(journal, 3)).map(({ type, data }) => [data["runId"], { type, tries: data["tries"] }]));
  expect(found.get("shaky")).toEqual({ type: "webhook.delivered", tries: 3 });
  expect(found.get("gone")).toEqual({ type: "webhook.failed", tries: 1 });
  expect(found.get("broken")).toEqual({ type: "webhook.failed", tries: 5 });
  expect(new Set(shaky.seen.map(({ headers }) => headers.get("x-orco-delivery")))).toEqual(new Set(["webhook-shaky"]));
  expect([broken.seen.length, owed(journal)]).toEqual([5, 0]);
  expect(said).toHaveLength(2);
  expect(new Set(said)).toEqual(new Set(["broken", "gone"]));
  expect(JSON.stringify(journal.read({ topic: "webhooks" }))).not.toContain("T0KEN");
});

test("pauses grow, with jitter, and end after the fifth try", () => {
  expect([1, 2, 3, 4, 5].map((tries) => pauseAfter(tries, 0.5))).toEqual([1000, 5000, 25_000, 125_000, undefined]);
  expect([pauseAfter(1, 0), pauseAfter(1, 1)]).toEqual([750, 1250]);
});

test("what a daemon left untold the next one tells, under the same delivery", async () => {
  const place = scratch();
  const first = place.open();
  const release = Promise.withResolvers<Response>();
  const { url, seen } = receiver((asked) => (asked === 1 ? release.promise : new Response()));
  const webhooks = deliverer(first);
  await end(first, "r1", { url });
  await until("it is being told", () => seen.length === 1);
  await webhooks.close();
  first.close();
  release.resolve(new Response());
  const second = place.open();
  expect([owed(second), second.read({ topic: "webhooks" })]).toEqual([1, []]);
  deliverer(second);
  await outcome(second);
  expect(seen.map(({ headers }) => headers.get("x-orco-delivery"))).toEqual(["webhook-r1", "webhook-r1"]);
});

test("what was put off under a clock that has been set back since is told now", async () => {
  const journal = scratch().open();
  const { url, seen } = receiver(() => new Response());
  await end(journal, "r1", { url });
  await journal.append([], [{ sql: "UPDATE outbox SET due_at = due_at + 86400000", params: [] }]);
  deliverer(journal);
  await outcome(journal);
  expect(seen.length).toBe(1);
});

test("one host that hangs takes two places, and others are told meanwhile", async () => {
  const journal = scratch().open();
  const never = Promise.withResolvers<Response>();
  const stuck = receiver(() => never.promise);
  const fine = receiver(() => new Response(), "127.0.0.2");
  for (let n = 0; n < 30; n++) await end(journal, `stuck-${n}`, { url: stuck.url });
  deliverer(journal);
  await until("the host is asked", () => stuck.seen.length === 2);
  const ids = Array.from({ length: 30 }, (_, n) => `fine-${n}`);
  const ended = ids.map((id) => ({ topic: `run/${id}`, type: "run.completed", data: { runId: id, status: "completed" } }));
  await journal.append(
    ended,
    ids.flatMap((id) => webhookWrites({ id, webhook: { url: fine.url } }, Date.now())),
  );
  await outcome(journal, 30);
  expect([stuck.seen.length, fine.seen.length]).toEqual([2, 30]);
});

test("a host that fails rests as a whole, so that those behind it get their turn", async () => {
  const journal = scratch().open();
  const broken = receiver(() => new Response("", { status: 500 }));
  const fine = receiver(() => new Response(), "127.0.0.2");
  const ids = Array.from({ length: 700 }, (_, n) => `broken-${n}`);
  await journal.append(
    [],
    ids.flatMap((id) => webhookWrites({ id, webhook: { url: broken.url } }, Date.now() - 1000)),
  );
  await end(journal, "fine", { url: fine.url });
  deliverer(journal);
  expect(await outcome(journal)).toMatchObject([{ type: "webhook.delivered", data: { runId: "fine" } }]);
  expect(broken.seen.length).toBeLessThan(10);
});

test("nothing goes inside unless it is allowed, whatever a name resolves to; redirects are not followed", async () => {
  const journal = scratch().open();
  const inside = receiver(() => new Response());
  const { port } = new URL(inside.url);
  let asked = 0;
  const rebinding = async (): Promise<string[]> => (asked++ === 0 ? ["127.0.0.1"] : ["8.8.8.8"]);
  await end(journal, "rebound", { url: `http://hooks.test:${port}/` });
  await end(journal, "decimal", { url: `http://2130706433:${port}/` });
  await end(journal, "mapped", { url: `http://[::ffff:127.0.0.1]:${port}/` });
  await end(journal, "cloud", { url: "http://169.254.169.254/latest" });
  const strict = deliverer(journal, { allow: [], resolve: rebinding });
  await until("all were tried", () => journal.query("SELECT 1 FROM outbox WHERE json_extract(row, '$.tries') = 1").length === 4);
  expect(inside.seen).toEqual([]);
  await strict.close();
  const away = receiver(() => new Response(null, { status: 302, headers: { location: inside.url } }));
  await end(journal, "away", { url: away.url });
  deliverer(journal, { resolve: async () => ["169.254.169.254"] });
  const tellsOfAway = () => journal.read({ topic: "webhooks" }).find(({ data }) => data["runId"] === "away");
  expect(await until("that to be told", tellsOfAway)).toMatchObject({
    type: "webhook.failed",
    data: { tries: 1, why: expect.stringContaining("redirects are not followed") },
  });
});

test("a run that is forgotten and a secret that is not set are said", async () => {
  const journal = scratch().open();
  const { url, seen } = receiver(() => new Response());
  deliverer(journal, { view: (id) => (id === "forgotten" ? undefined : view(id)) });
  await end(journal, "forgotten", { url });
  expect(await outcome(journal)).toMatchObject([{ type: "webhook.failed", data: { why: "the run has been forgotten" } }]);
  await end(journal, "unsigned", { url, secretEnv: "NOT_SET" });
  await until("it was tried", () => journal.query("SELECT 1 FROM outbox WHERE json_extract(row, '$.tries') = 1").length === 1);
  expect(seen).toEqual([]);
});
