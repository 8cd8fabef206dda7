import { afterAll, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { resolve } from "node:path";
import type { RunDetail } from "../../src/repair/view.ts";
import { repairRig } from "../scenarios/repair-rig.ts";
import { until } from "../until.ts";

/** Minutes of apt, pip and npm: only where all of chaos is asked for. */
const isWanted = process.env["ORCO_CHAOS_CYCLES"] !== undefined;
const EXAMPLES = resolve(import.meta.dirname, "../../examples/repair");
const SERVICES = process.env["ORCO_EXAMPLES"]?.split(",") ?? ["module", "header", "library", "lock", "package", "compiler"];
const ENDED = new Set(["succeeded", "failed", "rolled_back", "rollback_failed"]);

const rig = isWanted ? await repairRig() : undefined;

afterAll(async () => {
  await rig?.clean();
  await rig?.close();
});

/** Every step with what it came to so far: another text is another boundary. */
function boundary({ steps }: RunDetail): string {
  return steps.map(({ name, status }) => `${name} ${status}`).join(", ");
}

test.if(rig !== undefined)(
  "each example is repaired though the daemon is killed at every boundary of its steps",
  async () => {
    if (!rig) return;
    const images = Bun.spawn([resolve(EXAMPLES, "images.sh")], { stdout: "ignore", stderr: "ignore" });
    expect(await images.exited).toBe(0);
    cpSync(resolve(EXAMPLES, "broken"), rig.workspace, { recursive: true });
    rig.write("compose.yaml", rig.read("compose.yaml").replace(/^name:.*$/m, `name: ${rig.project}`));
    await rig.commit();
    await rig.begin();
    for (const service of SERVICES) {
      await rig.operator("up", "-d", "--no-deps", service);
      const before = await rig.look();
      const { run_id: id } = await rig.repair(service);
      const seen = new Set<string>();
      let detail: RunDetail | undefined;
      for (let over = false; !over;) {
        await until(
          `another boundary of ${service}`,
          async () => {
            detail = await rig.client.repair.get(id).catch(() => detail);
            return detail !== undefined && (ENDED.has(detail.status) || !seen.has(boundary(detail)));
          },
          300_000,
        );
        if (!detail) throw new Error("no detail");
        over = ENDED.has(detail.status);
        if (over) break;
        seen.add(boundary(detail));
        await rig.kill();
        await rig.begin();
      }
      console.log(`${service}: ${detail?.status} after ${seen.size} kills`);
      expect(["succeeded", "rolled_back"]).toContain(detail?.status ?? "");
      if (detail?.status === "rolled_back") expect(await rig.look()).toEqual(before);
    }
  },
  3_000_000,
);
