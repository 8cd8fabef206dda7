import { rmSync } from "node:fs";
import { expect, test } from "bun:test";
import { RunsRig, sh } from "./runs-rig.ts";

test("a daemon whose home is deleted acknowledges no run, says why, and stays there for all else", async () => {
  const rig = new RunsRig({ RATE_LIMIT_MAX: "0" });
  try {
    await rig.up();
    const { run } = await rig.through([sh("a", "echo before")]);
    expect((await rig.get("/ready")).status).toBe(200);
    rmSync(rig.home, { recursive: true });
    for (const body of [{}, { plan: { steps: [sh("a", "true")] } }]) {
      const refused = await rig.post("/runs", body);
      expect([refused.status, refused.body["code"]]).toEqual([503, "unavailable"]);
      expect(refused.body["detail"]).toContain("was deleted while orco ran");
    }
    const ready = await rig.get("/ready");
    expect([ready.status, ready.text.includes("was deleted")]).toEqual([503, true]);
    expect((await rig.get("/health")).status).toBe(200);
    expect((await rig.run(run.id)).status).toBe("completed");
  } finally {
    await rig.close();
  }
});
