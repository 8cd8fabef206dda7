import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import type { Result, Router } from "hono/router";
import { TrieRouter } from "hono/router/trie-router";
import { FixedPaths } from "./fixed-paths.ts";

/** Counts how often it is asked. */
class Counted<T> implements Router<T> {
  readonly name = "counted";
  asked = 0;
  private readonly inner = new TrieRouter<T>();

  add(method: string, path: string, handler: T): void {
    this.inner.add(method, path, handler);
  }

  match(method: string, path: string): Result<T> {
    this.asked += 1;
    return this.inner.match(method, path);
  }
}

function app() {
  const router = new Counted<never>();
  const made = new Hono({ router: new FixedPaths(router) });
  made.use(async (c, next) => {
    await next();
    c.header("x-guard", "yes");
  });
  made.get("/a", (c) => c.text("get a"));
  made.post("/a", (c) => c.text("post a"));
  made.get("/a/:id", (c) => c.text(`one ${c.req.param("id")}`));
  return { made, router };
}

describe("routes", () => {
  test("without parameters are looked up once for each method, and guards run each time", async () => {
    const { made, router } = app();
    for (let round = 0; round < 3; round++) {
      const [got, posted] = [await made.request("/a"), await made.request("/a", { method: "POST" })];
      expect([await got.text(), got.headers.get("x-guard"), await posted.text()]).toEqual(["get a", "yes", "post a"]);
    }
    expect(router.asked).toBe(2);
  });

  test("with parameters are looked up each time", async () => {
    const { made, router } = app();
    for (const id of ["1", "2", "1"]) expect(await (await made.request(`/a/${id}`)).text()).toBe(`one ${id}`);
    expect(router.asked).toBe(3);
  });

  test("that are not there leave nothing behind", async () => {
    const { made, router } = app();
    for (let round = 0; round < 2; round++) {
      expect((await made.request("/b")).status).toBe(404);
      expect((await made.request("/a", { method: "PUT" })).status).toBe(404);
    }
    expect(router.asked).toBe(4);
  });

  test("added later count at once", () => {
    const router = new FixedPaths<string>(new TrieRouter());
    router.add("GET", "/a", "first");
    expect(router.match("GET", "/a")[0]).toHaveLength(1);
    router.add("ALL", "*", "second");
    expect(router.match("GET", "/a")[0]).toHaveLength(2);
  });
});
