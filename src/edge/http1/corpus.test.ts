import { expect, test } from "bun:test";
import { readConnection } from "./connection.suite.ts";
import { CORPUS } from "./corpus.suite.ts";

test.each(CORPUS.map((each) => [each.name, each] as const))("%s", (_name, { bytes, requests, end }) => {
  const read = readConnection(Buffer.from(bytes, "latin1"));
  expect({
    requests: read.requests.map(({ head, body }) => `${head.method} ${head.target} ${body.toString("latin1")}`),
    end: read.end,
  }).toEqual({ requests: [...requests], end });
});

test("no name stands twice", () => {
  const seen = CORPUS.map(({ name }) => name);
  expect(seen.filter((name, i) => seen.indexOf(name) !== i)).toEqual([]);
});
