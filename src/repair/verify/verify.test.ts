import { afterAll, beforeAll, expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Finding } from "../finding.ts";
import { FakeTarget, RUNNING } from "./target.fake.ts";
import { verify, type VerifyRequest } from "./verify.ts";

const FINDING: Finding = {
  signature: "python-module-missing:yaml",
  cause: "a module is missing",
  evidence: ["container:7: ModuleNotFoundError: No module named 'yaml'"],
  confidence: 1,
  verdict: "fix",
  remedy: "adds PyYAML",
};
const NO_CHECKS = { settleMs: 3000, restartTimeoutMs: 10_000 };

let web: Bun.Server<undefined>;
let answer: () => Response = () => new Response("fine");
beforeAll(() => {
  web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
});
afterAll(() => web.stop(true));

function withHealth(more: Partial<VerifyRequest["profile"]> = {}): VerifyRequest["profile"] {
  return { ...NO_CHECKS, settleMs: 0, health: { url: `http://127.0.0.1:${web.port}/health`, timeoutMs: 5000 }, ...more };
}

/** A verification, and the lines it says; `line` waits for one. */
function begin(target: FakeTarget, more: Partial<VerifyRequest> = {}) {
  const clock = new FakeClock();
  const lines: string[] = [];
  let wake: () => void = () => undefined;
  const stop = new AbortController();
  const onLine = (text: string): void => {
    lines.push(text);
    wake();
  };
  const result = verify({ target, profile: NO_CHECKS, finding: null, clock, signal: stop.signal, onLine, ...more });
  const line = async (wanted: string): Promise<void> => {
    while (!lines.some((text) => text.includes(wanted))) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { clock, lines, result, line, stop };
}

test("without any check configured the state and the log are all that is verified, and it says so", async () => {
  const target = new FakeTarget({});
  const { clock, result } = begin(target, { finding: FINDING });
  await clock.advance(3000);
  const found = await result;
  expect(found).toMatchObject({ ok: true, only: "state" });
  expect(found.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ["container", true],
    ["signature", true],
  ]);
  expect(found.message).toContain("this is all that was verified: no healthcheck, health URL or app check is configured");
  expect(clock.pendingTimers).toBe(0);
});

test("the fault's lines in the new log are a failure", async () => {
  const target = new FakeTarget({});
  target.lines.push("ModuleNotFoundError: No module named 'yaml'");
  const { clock, result, lines } = begin(target, { finding: FINDING });
  await clock.advance(3000);
  expect(await result).toMatchObject({ ok: false, message: expect.stringMatching(/^signature: python-module-missing:yaml is in the log/) });
  expect(lines.at(-1)).toStartWith("signature: failed:");
});

test("one that was taken down is not waited for, be it repaired or rolled back", async () => {
  for (const expected of ["healthy", "running_image"] as const) {
    const target = Object.assign(new FakeTarget(undefined), { isGone: async () => true });
    expect(await begin(target, { expect: expected }).result).toMatchObject({
      ok: false,
      checks: [{ name: "container", detail: "it was taken down" }],
    });
  }
  const there = Object.assign(new FakeTarget(undefined, {}), { isGone: async () => false });
  const { clock, result } = begin(there);
  await clock.advance(5000);
  expect((await result).ok).toBe(true);
});

test("one that ends is not waited for; one that never comes is, until the restart's deadline", async () => {
  expect(await begin(new FakeTarget({ status: "exited", exitCode: 1 })).result).toMatchObject({
    ok: false,
    message: "container: it has ended: exit code 1",
    checks: [{ name: "container", ok: false }],
  });
  const { clock, result, lines } = begin(new FakeTarget(undefined));
  await clock.advance(13_000);
  expect((await result).message).toMatch(/^container: there is no container of the service; given up after 13s/);
  expect(lines).toEqual(["container: not yet: there is no container of the service"]);
});

test("an unhealthy healthcheck fails though HTTP would answer; a starting one is waited for", async () => {
  const log = [{ exitCode: 1, output: "curl: (7) refused" }];
  const unhealthy = { health: { status: "unhealthy" as const, log } };
  expect(await begin(new FakeTarget(unhealthy), { profile: withHealth() }).result).toMatchObject({
    ok: false,
    message: "healthcheck: its healthcheck says unhealthy (exit code 1: curl: (7) refused)",
  });
  const target = new FakeTarget({ health: { status: "starting", log: [] } });
  const { clock, result, line } = begin(target, { profile: withHealth() });
  await line("healthcheck: not yet");
  target.become({ health: { status: "healthy", log: [] } });
  await clock.advance(250);
  const found = await result;
  expect(found.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ["container", true],
    ["healthcheck", true],
    ["http", true],
  ]);
  expect(found.only).toBeUndefined();
});

test("a healthcheck that is still starting at the deadline fails, and says what bounds it", async () => {
  const { clock, result } = begin(new FakeTarget({ health: { status: "starting", log: [] } }), { profile: { ...NO_CHECKS, settleMs: 0 } });
  await clock.advance(20_000);
  expect((await result).message).toMatch(/says starting; restart_timeout bounds .* given up after 10s/);
});

test("HTTP is asked again until it answers, and every attempt is told", async () => {
  let left = 2;
  answer = () => (left-- > 0 ? new Response("", { status: 503 }) : new Response("fine"));
  const { clock, result, lines, line } = begin(new FakeTarget({}), { profile: withHealth() });
  await line("attempt 1: http");
  await clock.advance(200);
  await line("attempt 2: http");
  await clock.advance(400);
  expect(await result).toMatchObject({ ok: true });
  expect(lines.filter((text) => text.startsWith("attempt"))).toHaveLength(3);
  answer = () => new Response("fine");
});

test("a container that ends meanwhile ends the wait for its health, and one that was started anew is not the one that settled", async () => {
  answer = () => new Response("", { status: 503 });
  const target = new FakeTarget({});
  const { clock, result, line } = begin(target, { profile: withHealth() });
  await line("attempt 1: http");
  target.become({ status: "exited", exitCode: 3 });
  await clock.advance(200);
  expect((await result).message).toBe("http: it has ended: exit code 3");
  answer = () => new Response("fine");
  const restarted = await begin(new FakeTarget({}, { restartCount: 1 }), { profile: withHealth() }).result;
  expect(restarted).toMatchObject({ ok: false, message: "container: the container was started anew while it was verified" });
});

test("the app check comes after the health, and its pattern decides", async () => {
  answer = () => new Response('{"items":[]}');
  const appCheck = { method: "POST", url: `http://127.0.0.1:${web.port}/items`, status: 200, pattern: '"items":\\[\\d' };
  const failed = await begin(new FakeTarget({}), { profile: withHealth({ appCheck }) }).result;
  expect(failed.checks.map(({ name, ok }) => [name, ok])).toEqual([
    ["container", true],
    ["http", true],
    ["app", false],
  ]);
  const fits = { ...appCheck, pattern: "items" };
  expect(await begin(new FakeTarget({}), { profile: withHealth({ appCheck: fits }) }).result).toMatchObject({ ok: true });
  answer = () => new Response("fine");
});

test("docker that does not answer for a moment is asked again; what nobody expects is thrown", async () => {
  const away = new OrcoError("docker_unavailable", "docker does not answer");
  const { clock, result, lines } = begin(new FakeTarget(away, {}), { profile: { ...NO_CHECKS, settleMs: 0 } });
  await clock.advance(250);
  expect(await result).toMatchObject({ ok: true });
  expect(lines[0]).toBe("container: not yet: docker does not answer");
  const broken = begin(new FakeTarget(new TypeError("bug"))).result;
  expect(await broken.catch((error: unknown) => String(error))).toBe("TypeError: bug");
});

test("after a rollback one that was not healthy before has only to run its former image again", async () => {
  const target = new FakeTarget(undefined, { imageId: "sha256:new" }, { imageId: "sha256:old", status: "restarting" });
  const { clock, result } = begin(target, { expect: "running_image", imageId: "sha256:old", profile: withHealth() });
  await clock.advance(500);
  expect(await result).toMatchObject({
    ok: true,
    only: "state",
    message: "its former image is there again (restarting); it was not healthy before either, so nothing more was asked of it",
  });
  const other = begin(new FakeTarget({ imageId: "sha256:new" }), { expect: "running_image", imageId: "sha256:old" });
  await other.clock.advance(20_000);
  expect(await other.result).toMatchObject({ ok: false, message: expect.stringContaining("is of image sha256:new, not of sha256:old") });
});

test("one that was healthy has to be healthy again, and of its former image", async () => {
  const { clock, result } = begin(new FakeTarget({ imageId: "sha256:new" }), { imageId: "sha256:old" });
  await clock.advance(20_000);
  expect((await result).message).toContain("it is of image sha256:new, not of sha256:old");
});

test("an abort ends it with its reason", async () => {
  const { clock, result, stop } = begin(new FakeTarget({ ...RUNNING }));
  await clock.advance(1000);
  stop.abort(new OrcoError("cancelled", "stopped"));
  expect(await result.catch((error: unknown) => (error as OrcoError).code)).toBe("cancelled");
  expect(clock.pendingTimers).toBe(0);
});
