import { expect, test } from "bun:test";
import { Scratch, refused } from "../kernel/journal-fixture.ts";
import { RunTokens, runTokenSecret, tokenHash } from "./token.ts";

const tokens = new RunTokens("secret of this home");
const id = "01890000-0000-7000-8000-000000000001";

function held(attempt: number) {
  const token = tokens.issue({ id, attempt });
  return { token, run: { id, attempt, tokenHash: tokenHash(token) } };
}

test("the token of the attempt under way opens the run, also when it is the daemon's own, made again by the next one", () => {
  const { token, run } = held(3);
  tokens.assert(run, token);
  const driven = tokens.driven({ id, attempt: 1 });
  new RunTokens("secret of this home").assert({ id, attempt: 1, tokenHash: tokenHash(driven) }, driven);
});

test("a token of a former attempt is stale, also while nobody has claimed the next one", async () => {
  const { token } = held(3);
  const { run } = held(4);
  expect((await refused(() => tokens.assert(run, token))).code).toBe("stale_attempt");
  expect((await refused(() => tokens.assert({ id, attempt: 3 }, token))).code).toBe("stale_attempt");
  expect(tokens.opens(run, token)).toBe(true);
});

test("everything else is unauthorized: none, garbage, another run's, one of the same attempt, and one that is made up to look old", async () => {
  const { token, run } = held(3);
  const other = { ...run, id: "01890000-0000-7000-8000-000000000002" };
  const made = token.replace(/^ort_3_/, "ort_1_");
  for (const wrong of [undefined, "", "ort_3_x", `${token}x`, held(3).token, held(4).token, made, new RunTokens("another").issue(run)]) {
    expect((await refused(() => tokens.assert(run, wrong))).code).toBe("unauthorized");
    expect(tokens.opens(run, wrong ?? "")).toBe(false);
  }
  expect((await refused(() => tokens.assert(other, token))).code).toBe("unauthorized");
});

test("a home keeps its secret", async () => {
  using scratch = new Scratch();
  const journal = scratch.open();
  const [one, two] = await Promise.all([runTokenSecret(journal), runTokenSecret(journal)]);
  expect(one).toBe(two);
  expect(await runTokenSecret(journal)).toBe(one);
});
