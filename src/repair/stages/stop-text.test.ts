import { expect, test } from "bun:test";
import type { Finding } from "../finding.ts";
import { reportText, unknownText } from "./stop-text.ts";

function finding(cause: string, remedy = "Try again."): Finding {
  return { signature: cause, cause, evidence: [], confidence: 1, verdict: "retry", remedy };
}

test("why a patch is not the answer, and what was found besides", () => {
  const away = finding("a registry was away");
  expect(reportText(away, [away])).toBe("a registry was away: Try again.");
  const old = finding("Node is too old");
  expect(reportText(away, [old, away, old])).toBe("a registry was away: Try again. Found besides: Node is too old.");
  expect(reportText(null, [])).toBe("it is known: nothing a patch mends");
});

test("nothing explains it, or what was suspected does not mend it", () => {
  expect(unknownText([], ["build:1: kaboom"])).toBe(
    "nothing in the catalogue explains this; analyze.log has the evidence: build:1: kaboom",
  );
  const many = ["a", "b", "c", "d"].map((cause) => finding(cause));
  expect(unknownText(many, [])).toBe("what the catalogue has for this does not mend it (a; b; c); analyze.log has the evidence: none");
});
