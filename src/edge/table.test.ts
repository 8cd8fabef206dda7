import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { frontOf, targetOf } from "./control-fixture.ts";
import type { RouteTable } from "./route.ts";
import { readTable, tablePath, writeTable } from "./table.ts";
import { parseTable } from "./table-parse.ts";

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function newFolder(): string {
  const folder = join(mkdtempSync(join(tmpdir(), "orco-table-")), "edge");
  folders.push(join(folder, ".."));
  return folder;
}

const table: RouteTable = {
  version: 7,
  trustedProxies: ["10.0.0.0/8"],
  fronts: [
    frontOf("app/a", 8080, [targetOf("t1", 9001), targetOf("t2", 9002, { state: "draining", drainTimeoutMs: 5_000 })]),
    frontOf("app/b", 8443, [], {
      listen: { address: "::", port: 8443, protocol: "http", tls: [{ cert: "/c.pem", key: "/k.pem" }] },
      hosts: ["b.test", "*.b.test"],
      sticky: { cookie: "s" },
    }),
  ],
};

describe("the file", () => {
  test("holds what was written, for its owner alone, with nothing left beside it", async () => {
    const folder = newFolder();
    await writeTable(folder, { ...table, version: 6 });
    await writeTable(folder, table);
    expect(readTable(folder)).toEqual({ kind: "table", table });
    expect(statSync(tablePath(folder)).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["routes.json"]);
  });

  test("that is missing is no problem, one that is torn is – wherever it is torn", () => {
    const folder = newFolder();
    expect(readTable(folder)).toEqual({ kind: "absent" });
    const whole = JSON.stringify(table);
    for (const at of [0, 1, Math.floor(whole.length / 2), whole.length - 1]) expect(() => parseTable(whole.slice(0, at))).toThrow();
  });

  test("that cannot be written is told with its path", () => {
    const folder = newFolder();
    writeFileSync(folder, "in the way");
    expect(writeTable(folder, table)).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining(tablePath(folder)) });
  });
});

describe("a table", () => {
  const spoiled: [path: string, spoil: (fields: Record<string, unknown>) => void][] = [
    ["version", (fields) => (fields["version"] = "7")],
    ["fronts", (fields) => (fields["fronts"] = {})],
    ["trustedProxies[0]", (fields) => (fields["trustedProxies"] = [1])],
    ["fronts[0].listen.port", (fields) => set(fields, ["fronts", 0, "listen", "port"], 0)],
    ["fronts[0].listen.address", (fields) => set(fields, ["fronts", 0, "listen", "address"], "localhost")],
    ["fronts[0].listen.protocol", (fields) => set(fields, ["fronts", 0, "listen", "protocol"], "udp")],
    ["fronts[1].listen.tls", (fields) => set(fields, ["fronts", 1, "listen", "tls"], [])],
    ["fronts[1].hosts[0]", (fields) => set(fields, ["fronts", 1, "hosts", 0], "")],
    ["fronts[1].sticky", (fields) => set(fields, ["fronts", 1, "sticky"], {})],
    ["fronts[0].balance", (fields) => set(fields, ["fronts", 0, "balance"], "random")],
    ["fronts[0].timeouts.clientMs", (fields) => set(fields, ["fronts", 0, "timeouts", "clientMs"], null)],
    ["fronts[0].targets[0].weight", (fields) => set(fields, ["fronts", 0, "targets", 0, "weight"], -1)],
    ["fronts[0].targets[1].state", (fields) => set(fields, ["fronts", 0, "targets", 1, "state"], "gone")],
    ["fronts[0].targets[1].drainTimeoutMs", (fields) => set(fields, ["fronts", 0, "targets", 1, "drainTimeoutMs"], "5s")],
  ];

  test.each(spoiled)("is refused for its %s", (path, spoil) => {
    const fields = JSON.parse(JSON.stringify(table)) as Record<string, unknown>;
    spoil(fields);
    expect(() => parseTable(JSON.stringify(fields))).toThrow(`${path} is missing`);
  });

  test("of a later version, which says more, is taken", () => {
    expect(parseTable(JSON.stringify({ ...table, shadow: true }))).toMatchObject({ version: 7, shadow: true });
  });

  test("is never half taken: any JSON is a table or an error", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          return parseTable(text).version >= 0;
        } catch (error) {
          return error instanceof Error;
        }
      }),
    );
  });
});

function set(fields: unknown, path: readonly (string | number)[], value: unknown): void {
  const [last] = path.slice(-1);
  let at = fields as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  if (last !== undefined) at[last] = value;
}
