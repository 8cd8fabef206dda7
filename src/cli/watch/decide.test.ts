import { expect, test } from "bun:test";
import { decide, merged, type Seen } from "./decide.ts";
import { changedText } from "./words.ts";

const seen = (service: string, action: Seen["action"], ...paths: string[]): Seen => ({ service, action, paths });

test("one action a service, the strongest; one put of the stack for all that need it", () => {
  const todo = decide([
    seen("api", "restart", "/a/1", "/a/2"),
    seen("api", "rebuild", "/a/2", "/a/3"),
    seen("web", "restart", "/w"),
    seen("web", "restart", "/w"),
    seen("db", "apply", "/d"),
    seen("idle", "restart"),
    { action: "apply", paths: ["/stack.yaml"] },
  ]);
  expect(todo.put).toEqual({
    files: ["/stack.yaml"],
    work: [
      { service: "api", action: "rebuild", paths: ["/a/1", "/a/2", "/a/3"] },
      { service: "db", action: "apply", paths: ["/d"] },
    ],
  });
  expect(todo.restarts).toEqual([{ service: "web", action: "restart", paths: ["/w"] }]);
  expect(decide([seen("web", "restart", "/w")]).put).toBeUndefined();
});

test("what was not carried out joins what has come since", () => {
  expect(merged([seen("api", "restart", "/1"), seen("api", "restart", "/2", "/1"), seen("api", "apply", "/1")])).toEqual([
    seen("api", "restart", "/1", "/2"),
    seen("api", "apply", "/1"),
  ]);
});

test("what has changed, in a few words", () => {
  expect(changedText(["/p/src/a.ts"], "/p")).toBe("1 file changed, src/a.ts");
  expect(changedText(["/p/src/a.ts", "/p/src/b.ts"], "/p")).toBe("2 files changed, src/a.ts …");
  expect(changedText(["/else/where/a.ts"], "/p/q/r")).toBe("1 file changed, /else/where/a.ts");
});
