import { expect, test } from "bun:test";
import { OrcoError } from "./errors.ts";
import { machine } from "./machine.ts";

const door = machine(
  { open: { close: "closed" }, closed: { open: "open", lock: "locked" }, locked: { unlock: "closed", burn: "ash" }, ash: {} },
  "door",
);

test("legal events lead on", () => {
  expect(door.next("open", "close")).toBe("closed");
  expect(door.next("closed", "lock")).toBe("locked");
  expect(door.can("closed", "lock")).toBe(true);
  expect(door.states).toEqual(["open", "closed", "locked", "ash"]);
  expect(door.isFinal("ash")).toBe(true);
  expect(door.isFinal("open")).toBe(false);
});

test("an illegal event throws and names machine, state and event", () => {
  expect(door.can("open", "lock")).toBe(false);
  const thrown = catching(() => door.next("open", "lock"));
  expect(thrown.code).toBe("internal");
  expect(thrown.message).toBe("door: lock is illegal in open");
  expect(thrown.facts).toEqual({ machine: "door", state: "open", event: "lock" });
});

test("names of Object.prototype are no events", () => {
  const odd: "close" = JSON.parse('"constructor"');
  expect(catching(() => door.next("open", odd)).code).toBe("internal");
});

test("a transition to nowhere is refused when the table is made", () => {
  const table: { open: { close: "open" } } = JSON.parse('{"open":{"close":"shut"}}');
  expect(catching(() => machine(table, "door")).message).toBe("door: close in open leads to unknown state shut");
});

function catching(run: () => unknown): OrcoError {
  try {
    run();
  } catch (error) {
    if (error instanceof OrcoError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
