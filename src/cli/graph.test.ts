import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runMain } from "./daemon.fake.ts";
import { graphText } from "../terminal/graph-text.ts";

const STACK = `version: 0.1
stack: { name: shop }
services:
  db: { runtime: process, command: [db] }
  api: { runtime: process, command: [api], dependsOn: [db] }
  web: { runtime: process, command: [web], dependsOn: [{ target: api, require: started }] }
`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-graph-"));
  writeFileSync(join(folder, "stack.yaml"), STACK);
  writeFileSync(join(folder, "cycle.yaml"), STACK.replace("command: [db]", "command: [db], dependsOn: [web]"));
  writeFileSync(join(folder, "wrong.yaml"), STACK.replace("runtime: process, command: [db]", "runtime: process, comand: [db]"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const orco = (...args: string[]) => runMain(args, { cwd: folder, env: { ORCO_HOME: join(folder, "none") } });

describe("graph, without a daemon", () => {
  test("as a tree", async () => {
    expect(await orco("graph")).toEqual({ code: 0, out: "web\n└─ api (started)\n   └─ db (ready)\n", err: "" });
  });

  test("for Graphviz, Mermaid and programs", async () => {
    expect((await orco("graph", "--dot")).out).toContain('"web" -> "api" [label="started"];');
    expect((await orco("graph", "--mermaid")).out).toStartWith("flowchart LR\n");
    expect(JSON.parse((await orco("graph", "--json")).out)).toMatchObject({
      edges: [{ from: "api", to: "db", require: "ready" }, { from: "web" }],
    });
  });

  test("two forms at once are a usage error", async () => {
    expect(await orco("graph", "--dot", "--json")).toMatchObject({ code: 2, err: "orco: --json and --dot exclude each other\n" });
  });

  test("a cycle is an error with its path", async () => {
    const { code, err } = await orco("-f", "cycle.yaml", "graph");
    expect(code).toBe(1);
    expect(err).toContain("→");
    expect(err).toContain("cycle.yaml:");
  });
});

test("a diamond is unfolded once", () => {
  const edge = (from: string, to: string) => ({ from, to, require: "ready" });
  const nodes = ["a", "b", "c", "d", "e"].map((service) => ({ service, layer: 0 }));
  const edges = [edge("a", "b"), edge("a", "c"), edge("b", "d"), edge("c", "d"), edge("d", "e")];
  expect(graphText({ nodes, edges })).toBe(
    `a
├─ b (ready)
│  └─ d (ready)
│     └─ e (ready)
└─ c (ready)
   └─ d (ready) …`,
  );
});

describe("lint, without a daemon", () => {
  test("a right file", async () => {
    expect(await orco("lint")).toEqual({ code: 0, out: "shop: valid, 3 services\n", err: "" });
  });

  test("a wrong one: place, line, caret, hint", async () => {
    const { code, err } = await orco("-f", "wrong.yaml", "lint");
    expect(code).toBe(1);
    expect(err).toContain('wrong.yaml:4:27: error: unknown key "comand"');
    expect(err).toContain(`\n    |${" ".repeat(27)}^\n`);
    expect(err).toContain('hint: did you mean "command"?');
  });

  test("a path that is not on this machine is a warning: it may be on the one that is meant", async () => {
    writeFileSync(
      join(folder, "paths.yaml"),
      `version: 0.1\nstack: { name: x }\nservices:\n  a: { image: x, volumes: ["./none:/none"] }\n`,
    );
    const { code, out, err } = await orco("-f", "paths.yaml", "lint");
    expect({ code, out }).toEqual({ code: 0, out: "x: valid, 1 service\n" });
    expect(err).toContain(`paths.yaml:4:28: warning: ${join(folder, "none")} does not exist`);
  });

  test("--json", async () => {
    const { code, out } = await orco("-f", "wrong.yaml", "lint", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      file: join(folder, "wrong.yaml"),
      diagnostics: [{ line: 4 }, { line: 4, column: 27 }],
    });
  });
});
