import { afterEach, expect, test } from "bun:test";
import fc from "fast-check";
import { Hono } from "hono";
import { OrcoError } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";
import { Scratch } from "../kernel/journal-fixture.ts";
import type { Env } from "./context.ts";
import { idempotent } from "./idempotency.ts";
import { asOrcoError, problemResponse } from "./problem.ts";

const open: Scratch[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one[Symbol.dispose]();
});

function scratch(): Scratch {
  const made = new Scratch();
  open.push(made);
  return made;
}

type Maker = (reserved: string | undefined, body: unknown) => Response | Promise<Response>;

interface Asked {
  readonly body?: unknown;
  readonly path?: string;
  readonly caller?: string;
}

/** An app whose every POST makes something, behind keys; `ids` counts what was reserved. */
function site(journal: Journal, clock: Scratch["clock"], make: Maker) {
  const app = new Hono<Env>();
  const errors: unknown[] = [];
  let ids = 0;
  const keyed = idempotent({
    journal,
    clock,
    newId: () => `id-${++ids}`,
    callerOf: (c) => c.req.header("x-caller") ?? "api",
    onError: (error) => errors.push(error),
  });
  app.post("/*", async (c) => {
    const body: unknown = await c.req.json();
    return keyed(c, body, (reserved) => make(reserved, body));
  });
  app.onError((error) => problemResponse(asOrcoError(error), "req"));
  const ask = async (key: string | undefined, { body = {}, path = "/runs", caller = "api" }: Asked = {}) =>
    app.request(path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "x-caller": caller, ...(key !== undefined && { "idempotency-key": key }) },
    });
  return { ask, errors };
}

function created(id: string | undefined): Response {
  return Response.json({ runId: id }, { status: 201, headers: { location: `/runs/${id}` } });
}

test("a repeated request gets the first answer and makes nothing", async () => {
  const place = scratch();
  let made = 0;
  const { ask } = site(place.open(), place.clock, (reserved) => {
    made += 1;
    return created(reserved);
  });
  const first = await ask("k", { body: { a: 1, b: 2 } });
  const again = await ask("k", { body: { b: 2, a: 1 } });
  expect([first.status, first.headers.get("idempotency-replayed"), await first.json()]).toEqual([201, null, { runId: "id-1" }]);
  expect([again.status, again.headers.get("idempotency-replayed"), await again.json()]).toEqual([201, "true", { runId: "id-1" }]);
  expect([again.headers.get("location"), again.headers.get("content-type"), made]).toEqual([
    "/runs/id-1",
    first.headers.get("content-type"),
    1,
  ]);
});

test("another body or query under the key is refused; another path, caller or key is another request", async () => {
  const place = scratch();
  const { ask } = site(place.open(), place.clock, created);
  await ask("k");
  for (const asked of [{ body: { other: true } }, { path: "/runs?mode=redis" }]) {
    const refused = await ask("k", asked);
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([422, "unprocessable"]);
  }
  for (const [key, asked] of [
    ["k2", {}],
    ["k", { path: "/schedules" }],
    ["k", { caller: "other" }],
  ] as const)
    expect((await ask(key, asked)).headers.get("idempotency-replayed")).toBeNull();
});

test("while the first is under way the second is told so", async () => {
  const place = scratch();
  const gate = Promise.withResolvers<void>();
  const { ask } = site(place.open(), place.clock, async (reserved) => {
    await gate.promise;
    return created(reserved);
  });
  const first = ask("k");
  const second = await ask("k");
  expect([second.status, second.headers.get("retry-after"), ((await second.json()) as { code: string }).code]).toEqual([
    409,
    "1",
    "conflict",
  ]);
  expect((await ask("k", { body: 7 })).status).toBe(422);
  gate.resolve();
  expect((await first).status).toBe(201);
  expect((await ask("k")).headers.get("idempotency-replayed")).toBe("true");
});

test("refusals are kept; failures and what asks to come again are not", async () => {
  const place = scratch();
  const answers: (() => Response)[] = [];
  const { ask } = site(place.open(), place.clock, () => {
    const next = answers.shift();
    if (!next) throw new OrcoError("not_found", "nothing more");
    return next();
  });
  const fail = (error: Error) => (): Response => {
    throw error;
  };
  const busy = new OrcoError("busy", "later", { retry_after_s: 3 });
  answers.push(
    fail(new Error("a bug")),
    fail(new OrcoError("unavailable", "redis is away")),
    fail(busy),
    fail(new OrcoError("invalid", "no")),
  );
  const statuses: number[] = [];
  for (let n = 0; n < 6; n++) statuses.push((await ask("k")).status);
  expect(statuses).toEqual([500, 503, 409, 400, 400, 400]);
  expect((await ask("k")).headers.get("idempotency-replayed")).toBe("true");
  expect((await ask("k")).headers.get("content-type")).toBe("application/problem+json");
});

test("after a crash the repeated request is carried out under the id that was reserved", async () => {
  const place = scratch();
  const first = place.open();
  const never = Promise.withResolvers<Response>();
  const begun = Promise.withResolvers<string | undefined>();
  const before = site(first, place.clock, (reserved) => {
    begun.resolve(reserved);
    return never.promise;
  });
  const lost = before.ask("k");
  const reserved = await begun.promise;
  first.close();
  const after = site(place.open(), place.clock, created);
  expect(await (await after.ask("k")).json()).toEqual({ runId: reserved });
  never.resolve(created(reserved));
  expect([(await lost).status, before.errors.length]).toEqual([201, 1]);
});

test("an answer is kept 24 hours, and old ones go", async () => {
  const place = scratch();
  const journal = place.open();
  const { ask } = site(journal, place.clock, created);
  for (let n = 0; n < 5; n++) await ask(`old-${n}`);
  place.clock.jumpWall(24 * 3_600_000 - 1);
  expect((await ask("old-0")).headers.get("idempotency-replayed")).toBe("true");
  place.clock.jumpWall(1);
  expect((await ask("old-0")).headers.get("idempotency-replayed")).toBeNull();
  expect(journal.query("SELECT key FROM idempotency")).toHaveLength(1);
});

test("a key is 1 to 255 visible characters, and without one nothing is kept", async () => {
  const place = scratch();
  const journal = place.open();
  const { ask } = site(journal, place.clock, created);
  for (const key of ["", "two words", "k".repeat(256), "é"]) expect([key, (await ask(key)).status]).toEqual([key, 400]);
  expect(await (await ask(undefined)).json()).toEqual({});
  expect(journal.query("SELECT key FROM idempotency")).toEqual([]);
  const visible = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 255,
  });
  await fc.assert(
    fc.asyncProperty(visible, async (key) => {
      await ask(key);
      expect((await ask(key)).headers.get("idempotency-replayed")).toBe("true");
    }),
    { numRuns: 30 },
  );
});
