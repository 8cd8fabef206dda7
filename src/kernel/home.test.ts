import { expect, test } from "bun:test";
import { orcoHome, socketPath } from "./home.ts";

test("ORCO_HOME wins and becomes absolute", () => {
  expect(orcoHome({ ORCO_HOME: "/srv/orco" }, 0)).toBe("/srv/orco");
  expect(orcoHome({ ORCO_HOME: "state" }, 0)).toBe(`${process.cwd()}/state`);
});

test("root keeps its state under /var/lib, everyone else in the XDG state folder", () => {
  expect(orcoHome({ HOME: "/root", ORCO_HOME: "" }, 0)).toBe("/var/lib/orco");
  expect(orcoHome({ HOME: "/home/ann" }, 1000)).toBe("/home/ann/.local/state/orco");
  expect(orcoHome({ HOME: "/home/ann", XDG_STATE_HOME: "/home/ann/state" }, 1000)).toBe("/home/ann/state/orco");
  expect(orcoHome({ HOME: "/home/ann", XDG_STATE_HOME: "state" }, 1000)).toBe("/home/ann/.local/state/orco");
});

test("the socket lies in the home", () => {
  expect(socketPath("/srv/orco")).toBe("/srv/orco/orco.sock");
});

test("resolving the home loads no zod", async () => {
  const imports = new Bun.Transpiler({ loader: "ts" }).scanImports(await Bun.file(`${import.meta.dir}/home.ts`).text());
  expect(imports.map((entry) => entry.path)).toEqual(["node:os", "node:path"]);
});
