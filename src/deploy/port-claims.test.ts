import { expect, test } from "bun:test";
import { parseContract } from "./contract-schema.ts";
import type { AppContract } from "./contract.ts";
import { refuseClaimed, refuseOwnLive } from "./port-claims.ts";
import type { AppRow } from "./record.ts";

function contract(change: Partial<AppContract> = {}): AppContract {
  return parseContract({ start_command: "app", port: 3000, internal_port: 4000, ...change }, "");
}

function row(name: string, given: AppContract | null, change: Partial<AppRow> = {}): AppRow {
  return { name, repo: "/srv/app", contract: given, createdAt: 0, updatedAt: 0, slots: {}, ...change };
}

test("a port of another app is refused by name, whichever of the two claims it in which way", () => {
  const blog = row("blog", contract());
  const refused =
    (mine: Partial<AppContract>): (() => void) =>
    () =>
      refuseClaimed("shop", contract(mine), [blog]);
  expect(refused({ port: 3001, internal_port: 4002 })).not.toThrow();
  expect(refused({ port: 3001, internal_port: 4001 })).toThrow("port 4001 belongs to app blog");
  expect(refused({ port: 3001, internal_port: 3999 })).toThrow("port 4000 belongs to app blog");
  expect(refused({ port: 4001, internal_port: 5000 })).toThrow("port 4001 belongs to app blog");
  expect(refused({ port: 3001, internal_port: 2999 })).toThrow("port 3000 belongs to app blog");
  expect(() => refuseClaimed("blog", contract(), [blog])).not.toThrow();
});

test("what a slot holds counts too, also the rollback target", () => {
  const release = { run: "r", commit: "c", subject: "", contract: contract(), byOperator: false };
  const blog = row("blog", null, { slots: { green: release }, previous: "green" });
  expect(() => refuseClaimed("shop", contract({ port: 3001 }), [blog])).toThrow("port 4000 belongs to app blog");
});

test("a public port is shared where hosts tell the apps apart", () => {
  const shop = (hosts?: string[]): AppContract => contract({ internal_port: 5000, ...(hosts && { hosts }) });
  const named = row("blog", contract({ hosts: ["blog.example.org"] }));
  expect(() => refuseClaimed("shop", shop(["shop.example.org"]), [named])).not.toThrow();
  expect(() => refuseClaimed("shop", shop(), [named])).not.toThrow();
  expect(() => refuseClaimed("shop", shop(["blog.example.org"]), [named])).toThrow("hosts of its own");
  expect(() => refuseClaimed("shop", shop(), [row("blog", contract())])).toThrow("hosts of its own");
});

test("another internal_port does not lead a new release to the port of the live one", () => {
  const release = { run: "r", commit: "c", subject: "", contract: contract(), byOperator: false };
  const live = row("blog", null, { slots: { blue: release }, live: "blue" });
  expect(() => refuseOwnLive(live, "green", contract())).not.toThrow();
  expect(() => refuseOwnLive(live, "green", contract({ internal_port: 3999 }))).toThrow("port 4000 is that of slot blue");
  expect(() => refuseOwnLive(live, "green", contract({ port: 4000, internal_port: 5000 }))).toThrow("port 4000");
});
