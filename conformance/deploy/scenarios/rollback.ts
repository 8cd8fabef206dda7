import { expectEqual } from "../expect.ts";
import type { Scenario } from "../scenario.ts";

/** Where a rollback leads, beyond the document. */
export const ROLLBACK: readonly Scenario[] = [
  {
    id: 13,
    name: "A failed deploy leaves the rollback target usable",
    level: "orco",
    deadlineMs: 90_000,
    async run(bench) {
      const [first, second] = [await bench.live(), await bench.live()];
      bench.expectRefused("the deploy of a commit that exits at once", await bench.deploy(await bench.commit({ exitOnBoot: 1 })));
      await bench.expectStatus(second, first);
      bench.expectSuccess("the rollback after a failed deploy", await bench.rollback());
      await bench.expectTraffic(first);
      await bench.expectStatus(first, second);
      return undefined;
    },
  },
  {
    id: 14,
    name: "Rollback twice: back to where it began",
    level: "orco",
    deadlineMs: 90_000,
    async run(bench) {
      const [first, second] = [await bench.live(), await bench.live()];
      const before = await bench.status();
      for (const [live, previous] of [
        [first, second],
        [second, first],
      ] as const) {
        bench.expectSuccess("the rollback", await bench.rollback());
        await bench.expectTraffic(live);
        await bench.expectStatus(live, previous);
      }
      const after = await bench.status();
      for (const field of ["live_slot", "previous_slot"]) expectEqual(`${field} after two rollbacks`, after[field], before[field]);
      return undefined;
    },
  },
  {
    id: 21,
    name: "Rollback to a slot that is not healthy any more: error, the live one stays",
    level: "orco",
    deadlineMs: 90_000,
    async run(bench) {
      const [first, second] = [await bench.live(), await bench.live()];
      bench.world.fixture.say(`sick.${first.version}`);
      bench.expectRefused("the rollback to a version that is not healthy", await bench.rollback());
      await bench.expectTraffic(second);
      await bench.expectStatus(second, first);
      bench.world.fixture.unsay(`sick.${first.version}`);
      bench.expectSuccess("the rollback once it is healthy again", await bench.rollback());
      await bench.expectTraffic(first);
      return undefined;
    },
  },
];
