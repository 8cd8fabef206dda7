import { afterAll, expect, test } from "bun:test";
import type { RunDetail } from "../../src/repair/view.ts";
import { repairRig, type Standing } from "../scenarios/repair-rig.ts";
import { until } from "../until.ts";
import { cycles } from "./rig.ts";

const rig = await repairRig();
const STEPS = ["analyze", "patch", "build", "restart", "verify", "rollback"] as const;
/** At the beginning and at the end of each step, of a repair that succeeds and of one that is rolled back. */
const BOUNDARIES = STEPS.flatMap((step) => ["in_progress", "done"].map((at) => ({ step, at })));
const CHOSEN = BOUNDARIES.filter((_, n) => n % Math.ceil(BOUNDARIES.length / cycles(1, BOUNDARIES.length)) === 0);

const COMPOSE = `services:
  api: {build: ./api, init: true}
  other: {image: "busybox:local", init: true, command: [sleep, "1000"]}
`;
const DOCKERFILE = `FROM busybox:local
COPY start.sh /start.sh
RUN chmod 755 /start.sh
CMD ["/start.sh"]
`;

afterAll(async () => {
  await rig?.clean();
  await rig?.close();
});

/** A service whose entrypoint has Windows line ends: found and mended without any network. */
async function breakIt(more = ""): Promise<Standing> {
  if (!rig) throw new Error("no docker");
  rig.write("compose.yaml", COMPOSE);
  rig.write("api/Dockerfile", DOCKERFILE);
  rig.write("api/start.sh", `#!/bin/sh\r\n${more}exec sleep 1000\r\n`);
  await rig.commit();
  await rig.operator("up", "-d", "--build", "--force-recreate");
  return rig.look();
}

/** Kills the daemon at the first sight of the boundary; the next one goes on. */
async function killedAt(id: string, { step, at }: { step: string; at: string }): Promise<RunDetail> {
  if (!rig) throw new Error("no docker");
  await until(
    `${step} to be ${at}, or the end`,
    async () => {
      const { steps, status } = await rig.client.repair.get(id);
      const found = steps.find(({ name }) => name === step);
      const isThere = at === "in_progress" ? found?.status !== "pending" : found?.status === "succeeded" || found?.status === "failed";
      return isThere || ["succeeded", "failed", "rolled_back"].includes(status);
    },
    60_000,
  );
  await rig.kill();
  await rig.begin();
  return rig.ended(id);
}

test.if(rig !== undefined)(
  "kill -9 of the daemon at step boundaries: repaired, or as before",
  async () => {
    if (!rig) return;
    await rig.begin();
    const ends: string[] = [];
    for (const boundary of CHOSEN) {
      const before = await breakIt();
      const { run_id: id } = await rig.repair("api");
      const detail = await killedAt(id, boundary);
      const after = await rig.look();
      expect(["succeeded", "rolled_back"]).toContain(detail.status);
      if (detail.status === "rolled_back") expect(after).toEqual(before);
      else expect(rig.read("api/Dockerfile")).toContain("sed -i");
      expect(after.images[`/${rig.project}-other-1`] ?? after.images[`/${rig.project}_other_1`]).toBe(
        before.images[`/${rig.project}-other-1`] ?? before.images[`/${rig.project}_other_1`] ?? "",
      );
      ends.push(`${boundary.step} ${boundary.at}: ${detail.status}`);
    }
    console.log(ends.join("; "));
  },
  600_000,
);

test.if(rig !== undefined)(
  "the same of a repair that is rolled back: every byte and the image are as before",
  async () => {
    if (!rig) return;
    const ends: string[] = [];
    for (const boundary of CHOSEN) {
      // Mended, it starts, and ends all the same.
      const before = await breakIt("exit 3\r\n");
      const { run_id: id } = await rig.repair("api");
      const detail = await killedAt(id, boundary);
      expect([boundary, detail.status, detail.error]).toEqual([boundary, "rolled_back", expect.anything()]);
      expect(await rig.look()).toEqual(before);
      ends.push(`${boundary.step} ${boundary.at}: ${detail.status}`);
    }
    console.log(ends.join("; "));
  },
  600_000,
);
