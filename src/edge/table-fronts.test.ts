import { expect, test } from "bun:test";
import fc from "fast-check";
import { applyChange, type Change, type Undo } from "./control-batch.ts";
import { frontOf } from "./control-fixture.ts";
import type { Front } from "./route.ts";
import { Fronts } from "./table-fronts.ts";

function http(id: string, port: number, hosts?: readonly string[]): Front {
  return frontOf(id, port, [], { listen: { address: "127.0.0.1", port, protocol: "http" }, ...(hosts && { hosts }) });
}

function change(put: readonly Front[], remove: readonly string[] = []): Change {
  return { put, remove: () => remove, done: () => undefined, failed: () => undefined };
}

test("a listener has one protocol, one set of certificates, and each host once", () => {
  const fronts = new Fronts([http("a", 80, ["a.test"])]);
  const refused: [Front, string][] = [
    [http("b", 80, ["b.test", "a.test"]), "b cannot answer on 127.0.0.1:80: a answers for a.test there"],
    [frontOf("b", 80, []), "b cannot answer on 127.0.0.1:80: a speaks http there"],
    [
      { ...http("b", 80, ["b.test"]), listen: { address: "127.0.0.1", port: 80, protocol: "http", tls: [{ cert: "/c", key: "/k" }] } },
      "b cannot answer on 127.0.0.1:80: a has other certificates there",
    ],
  ];
  for (const [front, message] of refused) expect(() => fronts.put(front)).toThrow(message);
  expect(fronts.all().map(({ id }) => id)).toEqual(["a"]);
  fronts.put(http("rest", 80));
  expect(() => fronts.put(http("other", 80))).toThrow("rest answers for all hosts there");
});

test("a front that is alone on its listener may change everything", () => {
  const fronts = new Fronts([http("a", 80)]);
  fronts.put(frontOf("a", 80, []));
  expect(fronts.get("a")?.listen.protocol).toBe("tcp");
  fronts.remove("a");
  expect(fronts.listeners().size).toBe(0);
});

test("a change that does not fit leaves everything as it was; undone it leaves nothing", () => {
  const host = fc.constantFrom("a", "b", "c");
  const front = fc.record({ id: fc.constantFrom("1", "2", "3", "4"), port: fc.constantFrom(80, 81), hosts: fc.uniqueArray(host) });
  const fronts = fc.uniqueArray(front, { selector: ({ id }) => id }).map((all) => all.map(({ id, port, hosts }) => http(id, port, hosts)));
  const changes = fc.record({ put: fronts, remove: fc.array(fc.constantFrom("1", "2", "3", "4")) });
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 8 }), (all) => {
      const table = new Fronts();
      for (const { put, remove } of all) {
        const before = snapshot(table);
        const undo = attempt(table, change(put, remove));
        const after = snapshot(table);
        undo?.();
        expect(snapshot(table)).toEqual(before);
        attempt(table, change(put, remove));
        expect(snapshot(table)).toEqual(after);
        // Whoever is in it fits together: put one by one they all go in.
        expect(snapshot(new Fronts(table.all()))).toEqual(snapshot(table));
      }
    }),
  );
});

/** Undefined when it does not fit. */
function attempt(table: Fronts, made: Change): Undo | undefined {
  try {
    return applyChange(table, made);
  } catch (error) {
    expect(error).toMatchObject({ code: "conflict" });
    return undefined;
  }
}

function snapshot(fronts: Fronts): unknown {
  return fronts
    .all()
    .toSorted((a, b) => a.id.localeCompare(b.id))
    .map(({ id, listen, hosts }) => ({ id, port: listen.port, hosts }));
}
