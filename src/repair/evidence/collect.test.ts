import { expect, test } from "bun:test";
import type { ContainerState } from "../finding.ts";
import { collect, readLines, sourceOf } from "./collect.ts";

const STATE: ContainerState = {
  status: "exited",
  exitCode: 127,
  oomKilled: false,
  error: 'exec: "/run.sh": permission denied',
  restartCount: 3,
  startedAt: "2026-01-01T00:00:00Z",
  finishedAt: "2026-01-01T00:00:01Z",
  health: {
    status: "unhealthy",
    log: [
      { exitCode: 0, output: "ok" },
      { exitCode: -1, output: 'OCI runtime exec failed: "curl": executable file not found\n' },
    ],
  },
};

test("the most telling first; what docker knows of the container is a text too", () => {
  const build = readLines(["Step 1/1 : RUN x", "x: not found"]);
  const { texts, state } = collect({ given: ["api-1  | boom"], build, inspection: { logs: ["started"], state: STATE } });
  expect(texts.map(({ source, lines }) => [source, ...lines])).toEqual([
    ["given", "boom"],
    ["build", "Step 1/1 : RUN x", "x: not found"],
    ["container", "started"],
    ["state", 'exec: "/run.sh": permission denied', 'OCI runtime exec failed: "curl": executable file not found'],
  ]);
  expect(texts[1]?.failing?.instruction).toBe("RUN x");
  expect(state?.exitCode).toBe(127);
});

test("secrets are taken out everywhere", () => {
  const said = collect({
    given: ["password hunter22"],
    build: readLines(["hunter22"]),
    inspection: {
      logs: ["hunter22"],
      state: { ...STATE, error: "hunter22", health: { status: "unhealthy", log: [{ exitCode: 1, output: "hunter22" }] } },
    },
    mask: (line) => line.replaceAll("hunter22", "*"),
  });
  expect(JSON.stringify(said)).not.toContain("hunter22");
  expect(said.texts.length).toBe(4);
});

test("nothing is no text", () => {
  expect(collect({})).toEqual({ texts: [] });
  expect(sourceOf(["build:3: x"])).toBe("build");
  expect(sourceOf([])).toBeUndefined();
});
