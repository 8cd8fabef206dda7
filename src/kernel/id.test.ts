import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { FakeClock, systemClock } from "./clock.ts";
import { uuidv7 } from "./id.ts";

const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("carries the time and the version", () => {
  const clock = new FakeClock(0x0123_4567_89ab);
  expect(uuidv7(clock)).toMatch(/^01234567-89ab-7/);
  expect(uuidv7(systemClock())).toMatch(SHAPE);
});

test("ids sort in the order they were made, whatever the wall clock does", () => {
  const chances = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -86_400_000, max: 86_400_000 }), { minLength: 1 }), chances, (jumps, chance) => {
      let turn = 0;
      const clock = new FakeClock(Date.UTC(2026, 0, 1), () => chance[turn++ % chance.length] ?? 0);
      const ids = jumps.flatMap((jump) => {
        clock.jumpWall(jump);
        return [uuidv7(clock), uuidv7(clock), uuidv7(clock)];
      });
      for (const id of ids) expect(id).toMatch(SHAPE);
      expect(ids).toEqual([...new Set(ids)].toSorted());
    }),
  );
});

test("a hundred thousand ids in a burst are distinct and ordered", () => {
  const clock = systemClock();
  const ids = Array.from({ length: 100_000 }, () => uuidv7(clock));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? ""))).toBe(true);
});
