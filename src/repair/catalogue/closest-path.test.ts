import { expect, test } from "bun:test";
import fc from "fast-check";
import { processorTime } from "../../../test/processor-time.ts";
import { closestPath, distanceWithin } from "./closest-path.ts";

test("the nearest path is offered, one of the same ending first", () => {
  expect(closestPath("requirments.txt", ["requirements.txt", "requirements-dev.txt"])).toBe("requirements.txt");
  expect(closestPath("conf.yml", ["conf.xml", "conf.yaml"])).toBe("conf.xml");
  expect(closestPath("app.js", ["apps.ts", "apq.js"])).toBe("apq.js");
  expect(closestPath("src/index.js", ["src/indx.js", "srv/index.js"])).toBe("src/indx.js");
});

test("nothing is offered that is further away, or that shares too little", () => {
  expect(closestPath("requirements.txt", ["reqs.txt"])).toBeUndefined();
  expect(closestPath("requirements.txt", ["api/requirements.txt"])).toBeUndefined();
  expect(closestPath("src", ["lib", "s"])).toBeUndefined();
  expect(closestPath("a", ["b"])).toBeUndefined();
  expect(closestPath("x.txt", [])).toBeUndefined();
});

test("the distance is Levenshtein's, as far as it is looked at", () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c", "/") });
  fc.assert(
    fc.property(word, word, fc.integer({ min: 0, max: 4 }), (a, b, limit) => {
      const whole = levenshtein(a, b);
      expect(distanceWithin(a, b, limit)).toBe(whole <= limit ? whole : undefined);
    }),
    { numRuns: 500 },
  );
});

test("20,000 paths are looked through in a moment", () => {
  const paths = Array.from({ length: 20_000 }, (_, index) => `services/api/some/long/folder/of/names/file-${index}-of-many.txt`);
  const spent = processorTime();
  expect(closestPath("services/api/some/long/folder/of/names/file-12345-of-mny.txt", paths)).toBe(paths[12_345] ?? "");
  expect(spent()).toBeLessThan(5000);
});

/** The definition. */
function levenshtein(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [restA, restB] = [a.slice(1), b.slice(1)];
  if (a[0] === b[0]) return levenshtein(restA, restB);
  return 1 + Math.min(levenshtein(restA, b), levenshtein(a, restB), levenshtein(restA, restB));
}
