import { afterEach, expect, test } from "bun:test";
import { until } from "../../../test/until.ts";
import { FakeClock, systemClock } from "../../kernel/clock.ts";
import type { PoolFacts } from "../pools/pool.ts";
import { UpstreamClient } from "../upstream/client.ts";
import { Managers } from "./polled.ts";
import { poolEntry } from "./nodes.fake.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A pool manager that answers what it is told to, and who polls it. */
class ManagerRig {
  readonly clock = new FakeClock();
  readonly asked: { readonly path: string; readonly key: string | null }[] = [];
  readonly told: (readonly PoolFacts[])[] = [];
  answer: (path: string) => Response | Promise<Response> = () => Response.json({ pools: [poolEntry()] });
  readonly server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { pathname: path } = new URL(request.url);
      this.asked.push({ path, key: request.headers.get("authorization") });
      return this.answer(path);
    },
  });
  readonly managers: Managers;

  constructor(urls = [`http://127.0.0.1:${this.server.port}`]) {
    const client = new UpstreamClient({ clock: systemClock() });
    const replace = (_source: string, _key: string, pools: readonly PoolFacts[]): void => void this.told.push(pools);
    const load = () => ({ queueDepth: 0, inFlight: new Map<string, number>() });
    this.managers = new Managers({ clock: this.clock, client, urls, apiKey: "k", pools: { replace }, load });
    cleanups.push(() => {
      this.managers.close();
      client.close();
      void this.server.stop(true);
    });
    this.managers.start();
  }

  get view() {
    return this.managers.list()[0];
  }

  get ready(): boolean | undefined {
    return this.told.at(-1)?.[0]?.replicas[0]?.ready;
  }

  /** One more poll, whose outcome is the error that is wanted (null: none). */
  async poll(error: RegExp | null): Promise<void> {
    const before = this.asked.length;
    await this.clock.advance(5_000);
    await until("a poll", () => this.asked.length >= before + 2);
    await until("its outcome", () => (error === null ? this.view?.last_error === null : error.test(this.view?.last_error ?? "")));
  }
}

test("a manager is polled at once and every five seconds, with the key of the control plane", async () => {
  const rig = new ManagerRig();
  await until("pools", () => rig.ready === true);
  expect(rig.asked.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
    { path: "/health", key: "Bearer k" },
    { path: "/v2/pools", key: "Bearer k" },
  ]);
  expect(rig.view).toEqual({ url: `http://127.0.0.1:${rig.server.port}`, status: "Online", pools: 1, last_error: null });
  expect(rig.told[0]?.[0]).toMatchObject({ id: "chat", source: "manager", replicas: [{ id: `127.0.0.1:${rig.server.port}` }] });
  await rig.clock.advance(4_999);
  expect(rig.asked).toHaveLength(2);
  await rig.clock.advance(1);
  await until("another poll", () => rig.asked.length === 4);
});

test("two misses make its pools not ready, one answer makes them ready again", async () => {
  const rig = new ManagerRig();
  await until("pools", () => rig.ready === true);
  rig.answer = () => new Response("", { status: 503 });
  await rig.poll(/answered 503/);
  expect([rig.ready, rig.view?.status]).toEqual([true, "Online"]);
  await rig.clock.advance(5_000);
  await until("the second miss", () => rig.ready === false);
  expect(rig.view?.status).toBe("Offline");
  rig.answer = () => Response.json({ pools: [poolEntry()] });
  await rig.poll(null);
  expect([rig.ready, rig.view?.status]).toEqual([true, "Online"]);
});

test.each([
  ["no JSON", () => new Response("<html>"), /answered no list of pools/],
  ["another shape", () => Response.json([1]), /answered no list of pools/],
  ["null", () => Response.json(null), /answered no list of pools/],
  ["too much", () => new Response("x".repeat(5 * 1024 * 1024)), /answered more than 4194304 bytes/],
  ["a redirect", () => new Response(null, { status: 302, headers: { location: "http://169.254.169.254/" } }), /answered 302/],
] as const)("an answer that is %s is a miss that is told", async (_what, answer, error) => {
  const rig = new ManagerRig();
  await until("pools", () => rig.ready === true);
  rig.answer = answer;
  await rig.poll(error);
  expect(rig.ready).toBe(true);
});

test("an entry that is wrong is passed over and told", async () => {
  const rig = new ManagerRig();
  await until("pools", () => rig.ready === true);
  rig.answer = () =>
    Response.json({ pools: [poolEntry({ pool_id: "bad", endpoint: "http://169.254.169.254" }), 7, poolEntry(), poolEntry()] });
  await rig.poll(/an entry of \/v2\/pools is wrong: endpoint/);
  expect(rig.told.at(-1)?.map(({ id }) => id)).toEqual(["chat"]);
});

test("a manager that hangs is left after four seconds, before it is asked again", async () => {
  const rig = new ManagerRig();
  await until("pools", () => rig.ready === true);
  rig.answer = () => new Promise(() => undefined);
  await rig.clock.advance(5_000);
  await until("a poll", () => rig.asked.length >= 4);
  await rig.clock.advance(4_000);
  await until("its outcome", () => /gave no answer within 4000 ms/.test(rig.view?.last_error ?? ""));
});

test("a metadata address is never asked, though it is configured", async () => {
  const rig = new ManagerRig(["http://169.254.169.254"]);
  await until("a refusal", () => rig.view?.last_error?.includes("metadata"));
  expect(rig.view?.status).toBe("Offline");
});
