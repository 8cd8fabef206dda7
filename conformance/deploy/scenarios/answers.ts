import type { Answer } from "../api.ts";
import type { Bench } from "../bench.ts";
import { expect, expectEqual, said } from "../expect.ts";
import type { Commit } from "../fixture.ts";
import type { Scenario } from "../scenario.ts";

const SHA = /^[0-9a-f]{40}$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
/** The clocks of the suite and the orchestrator may differ by this much. */
const CLOCK_MS = 60_000;

/** What answers look like, and which requests are refused, beyond the document. */
export const ANSWERS: readonly Scenario[] = [
  {
    id: 11,
    name: "Unknown commit: error, the old one stays",
    level: "orco",
    deadlineMs: 60_000,
    async run(bench) {
      const live = await bench.live();
      const tree = await bench.world.fixture.git("rev-parse", "HEAD^{tree}");
      for (const ref of ["0123456789abcdef0123456789abcdef01234567", "no-such-branch", tree]) await refuse(bench, ref, live);
      await bench.expectTraffic(await bench.live());
      return undefined;
    },
  },
  {
    id: 15,
    name: "Answers and status have the fields and types of the document",
    level: "orco",
    deadlineMs: 90_000,
    run: checkShapes,
  },
  {
    id: 16,
    name: "A health endpoint that redirects is not healthy",
    level: "orco",
    deadlineMs: 60_000,
    async run(bench) {
      const live = await bench.live();
      bench.expectRefused(
        "the deploy of a commit whose health redirects to a 200",
        await bench.deploy(await bench.commit({ health: "redirect" })),
      );
      await bench.expectTraffic(live);
      await bench.expectStatus(live);
      return undefined;
    },
  },
  {
    id: 20,
    name: "Refs that look like options, and commits that are no text, are refused",
    level: "orco",
    deadlineMs: 60_000,
    async run(bench) {
      const live = await bench.live();
      // Something else that `--all` would find.
      await bench.commit();
      const { fixture } = bench.world;
      const options = ["--all", "-1", "-h", `--output=${fixture.state}/canary`, `--upload-pack=touch ${fixture.state}/canary`, "--"];
      for (const ref of [...options, "", " ", 7, null, ["main"], { ref: "main" }]) await refuse(bench, ref, live);
      expect(!fixture.heard("canary"), "no command to be run and no file to be written by git", "a file that only git can have written");
      return undefined;
    },
  },
];

async function refuse(bench: Bench, ref: unknown, live: Commit): Promise<void> {
  bench.doing = `POST /deploy of ${JSON.stringify(ref)}`;
  const answer = await bench.world.api.deploy(ref);
  bench.expectRefused(`the deploy of ${JSON.stringify(ref)}`, answer);
  expect(answer.status >= 400 && answer.status < 500, "a status from 400 to 499", said(answer));
  await bench.expectStatus(live);
  await bench.expectTraffic(live);
}

async function checkShapes(bench: Bench): Promise<string | undefined> {
  const { api, fixture } = bench.world;
  const before = (await bench.status())["live_commit"];
  if (before === null) await checkNothing(bench);

  const [first, second] = [await bench.commit(), await bench.commit()];
  // A branch, then an abbreviated sha: answers carry the whole one.
  await fixture.git("branch", "--force", "conformance", first.sha);
  checkChange(await api.deploy("conformance"), { commit: first.sha, previous_commit: before });
  checkChange(await api.deploy(second.sha.slice(0, 12)), { commit: second.sha, previous_commit: first.sha });
  await checkStatus(bench, second, first);
  checkChange(await bench.rollback(), { commit: first.sha });
  await checkStatus(bench, first, second);

  const unhealthy = await bench.deploy(await bench.commit({ exitOnBoot: 1 }));
  const unknown = await api.deploy("no-such-branch");
  for (const [what, answer] of Object.entries({ "an unhealthy commit": unhealthy, "an unknown commit": unknown })) {
    expectEqual(`the status for ${what}`, answer.status, 422);
    expectEqual(`success for ${what}`, answer.body["success"], false);
  }
  return before === null ? undefined : "without what holds before the first deploy: there has been one";
}

async function checkNothing(bench: Bench): Promise<void> {
  const status = await bench.status();
  for (const field of ["live_slot", "live_commit", "previous_slot", "previous_commit", "last_deploy_time"])
    expectEqual(`${field} before the first deploy`, status[field], null);
  expectEqual("healthy before the first deploy", status["healthy"], false);
  expectEqual("the status of a rollback without previous slot", (await bench.rollback()).status, 409);
}

function checkChange(answer: Answer, wanted: Readonly<Record<string, unknown>>): void {
  const { status, type, body } = answer;
  expectEqual("the status of a change that succeeded", status, 200);
  expect(/^application\/json\b/.test(type), "Content-Type: application/json", type);
  expectEqual("success", body["success"], true);
  expect(isSlot(body["slot"]), "slot to be a name", said(answer));
  for (const [field, value] of Object.entries(wanted)) expectEqual(`${field} of ${answer.request}`, body[field], value);
}

async function checkStatus(bench: Bench, live: Commit, previous: Commit): Promise<void> {
  const status = await bench.status();
  const { live_slot: slot, previous_slot: other, last_deploy_time: time } = status;
  for (const field of ["live_commit", "previous_commit"])
    expect(SHA.test(String(status[field])), `${field} to be 40 hex digits`, status[field]);
  await bench.expectStatus(live, previous);
  expect(isSlot(slot) && isSlot(other) && slot !== other, "live_slot and previous_slot to be two names", status);
  expect(typeof time === "string" && RFC3339.test(time), "last_deploy_time to be a time of RFC 3339", time);
  expect(Math.abs(Date.parse(time) - Date.now()) < CLOCK_MS, "last_deploy_time to be now", time);
  expectEqual("healthy", status["healthy"], true);
}

function isSlot(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
