import { expect, test } from "bun:test";
import { bareName, HostTable } from "./hosts.ts";

const table = new HostTable([
  { hosts: ["blog.example", "www.blog.example"], value: "blog" },
  { hosts: ["*.shop.example"], value: "shop" },
  { hosts: ["a.shop.example"], value: "a" },
  { value: "rest" },
]);

test("an exact name wins over a wildcard, a wildcard over the rest", () => {
  expect(table.find("blog.example")).toBe("blog");
  expect(table.find("a.shop.example")).toBe("a");
  expect(table.find("b.shop.example")).toBe("shop");
  expect(table.find("other.example")).toBe("rest");
});

test("a wildcard is one label: not none, not two", () => {
  expect(table.find("shop.example")).toBe("rest");
  expect(table.find("x.b.shop.example")).toBe("rest");
  expect(table.find(".shop.example")).toBe("rest");
});

test("port and last dot do not matter", () => {
  expect(table.find("blog.example:8080")).toBe("blog");
  expect(table.find("blog.example.")).toBe("blog");
  expect(table.find("blog.example.:80")).toBe("blog");
  expect(bareName("[::1]:80")).toBe("[::1]");
  expect(bareName("[::1]")).toBe("[::1]");
});

test("nobody answers for an unknown host when each front has names", () => {
  const strict = new HostTable([{ hosts: ["a.example"], value: 1 }]);
  expect(strict.find("b.example")).toBeUndefined();
  expect(strict.find("")).toBeUndefined();
  expect(new HostTable([]).find("a.example")).toBeUndefined();
});

test("ten thousand names are found as fast as one", () => {
  const many = new HostTable(Array.from({ length: 10_000 }, (_, n) => ({ hosts: [`h${n}.example`], value: n })));
  expect(many.find("h9999.example:443")).toBe(9999);
  expect(many.find("h10000.example")).toBeUndefined();
});
