import { expect, test } from "bun:test";
import { stickFrom, stickOf, stickyCookie } from "./sticky.ts";

test("the cookie of a target is opaque, and the same wherever it is computed", () => {
  const stick = stickOf("app/blog", "blog/green");
  expect(stick).toMatch(/^[\w-]{22}$/);
  expect(stickOf("app/blog", "blog/green")).toBe(stick);
  expect(stickOf("app/blog", "blog/blue")).not.toBe(stick);
  expect(stickOf("app/shop", "blog/green")).not.toBe(stick);
});

test("is found among other cookies, in several fields, with any case of the field name", () => {
  const sticky = { cookie: "orco" };
  expect(stickFrom(sticky, [["Cookie", "a=1; orco=abc; b=2"]])).toBe("abc");
  expect(
    stickFrom(sticky, [
      ["cookie", "a=1"],
      ["COOKIE", "orco=x=y"],
    ]),
  ).toBe("x=y");
  expect(stickFrom(sticky, [["Cookie", "xorco=1; orcox=2; orco"]])).toBeUndefined();
  expect(stickFrom(sticky, [])).toBeUndefined();
  expect(stickFrom(undefined, [["Cookie", "orco=abc"]])).toBeUndefined();
});

test("a header is taken as it is, an empty one is none", () => {
  expect(stickFrom({ header: "X-User" }, [["x-user", "alice"]])).toBe("alice");
  expect(stickFrom({ header: "X-User" }, [["x-user", ""]])).toBeUndefined();
});

test("the cookie that is set cannot be read by scripts, and goes over TLS only where it was set over TLS", () => {
  expect(stickyCookie("orco", { stick: "abc", secure: false })).toBe("orco=abc; Path=/; HttpOnly; SameSite=Lax");
  expect(stickyCookie("orco", { stick: "abc", secure: true })).toEndWith("; Secure");
});
