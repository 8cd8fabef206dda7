import { describe, expect, test } from "bun:test";
import { dockerHere } from "../docker/engine.ts";
import { OwnDockerd } from "../docker/own-dockerd.ts";
import { ComposeWatchRig } from "../scenarios/compose-watch-rig.ts";
import { until } from "../until.ts";

const docker = await dockerHere();

describe.skipIf(!docker)("a dockerd that dies and comes back", () => {
  test("crash loops from before are seen on, and those that begin afterwards", async () => {
    if (!docker) return;
    const own = await OwnDockerd.begin(docker);
    try {
      await using watched = new ComposeWatchRig(own.engine);
      watched.watch();
      await watched.container("before", "exit 3");
      await until("the loop to be seen", () => watched.told("before").length > 1, 20_000);
      await own.crash();
      const seen = watched.told("before").length;
      await own.start();
      await until("it to be seen again", () => watched.told("before").length > seen, 30_000);
      await watched.container("after", "exit 4");
      await until("the new one to be seen", () => watched.told("after").length > 1, 30_000);
      // Each run that failed is told once, but for the look at all that a new beginning takes.
      const runs = watched.told("after").map(({ run }) => run);
      expect(new Set(runs).size).toBe(runs.length);
      expect(watched.sightings.filter(({ kind }) => kind !== "compose")).toEqual([]);
    } finally {
      await own.end();
    }
  }, 120_000);
});
