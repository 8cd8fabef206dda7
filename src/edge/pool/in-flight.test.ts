import { expect, test } from "bun:test";
import fc from "fast-check";
import { InFlight } from "./in-flight.ts";

test("whoever entered and did not leave is there, in whatever order they came and went", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 9 }), { maxLength: 60 }), (turns) => {
      const inFlight = new InFlight<{ place: number }>();
      const present = new Map<number, { place: number }>();
      for (const turn of turns) {
        const known = present.get(turn);
        if (known) {
          inFlight.delete(known);
          present.delete(turn);
        } else {
          const member = { place: -1 };
          present.set(turn, member);
          inFlight.add(member);
        }
        expect(inFlight.size).toBe(present.size);
        expect(new Set(inFlight.all())).toEqual(new Set(present.values()));
      }
    }),
  );
});
