import { afterEach, expect, test } from "bun:test";
import { FakeDaemon, problem, runView } from "./daemon.fake.ts";

const A = "01a1fe00-0000-7000-8000-0000000a8ea6";
const B = "01a1fe00-0000-7000-8000-0000000b8ea6";
const C = "01b20000-0000-7000-8000-0000000c0001";

const daemons: FakeDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
});

function fake(ids: readonly string[]): FakeDaemon {
  const runs = ids.map((id) => runView({ id }));
  const daemon = new FakeDaemon({
    "GET /runs": () => Response.json({ runs }),
    "GET /schedules": () => Response.json({ schedules: ids.map((id) => ({ id })) }),
    ...Object.fromEntries(runs.map((run) => [`GET /runs/${run.id}`, () => Response.json({ run })])),
    ...Object.fromEntries(ids.map((id) => [`DELETE /schedules/${id}`, () => new Response(null, { status: 204 })])),
  });
  daemons.push(daemon);
  return daemon;
}

test.each([
  ["the start", "01b2"],
  ["the end, as events show it", "0c0001"],
  ["capitals", "01B2"],
  ["a dash", "01b20000-00"],
])("a run is named by part of its id: %s", async (_name, given) => {
  const daemon = fake([C, B, A]);
  expect(JSON.parse((await daemon.run(["run", "show", given, "--json"])).out)).toMatchObject({ id: C });
  expect(daemon.asked.find(({ path }) => path === "/runs")?.query).toEqual({ limit: "500" });
});

test("its whole id is asked for at once, also where it is not listed", async () => {
  const daemon = fake([A]);
  expect((await daemon.run(["runs", A])).code).toBe(0);
  expect(daemon.asked.map(({ path }) => path)).not.toContain("/runs");
  expect(await daemon.run(["run", "show", C])).toMatchObject({ code: 4 });
});

test("what means several is a usage error that lists them; the next characters decide", async () => {
  const daemon = fake([C, B, A]);
  const { code, err } = await daemon.run(["cancel", "8ea6"]);
  expect({ code, err }).toEqual({
    code: 2,
    err: `orco: 8ea6 means 2 runs; say more of the id:\n        ${B}\n        ${A}\n`,
  });
  expect((await daemon.run(["run", "show", "b8ea6"])).code).toBe(0);
  const many = Array.from({ length: 7 }, (_, at) => `01b20000-0000-7000-8000-00000000000${at}`);
  expect((await fake(many).run(["approve", "01b2"])).err).toEndWith("0004\n        and 2 more\n");
});

test("what means none is not found, with where the ids are", async () => {
  const daemon = fake([A]);
  const missing = (given: string) => ({
    code: 4,
    out: "",
    err: `orco: there is no run "${given}"\n      the runs and their ids: orco runs --all\n`,
  });
  for (const given of ["ffff", "01a", "nonsense", "a-b"]) expect(await daemon.run(["run", "logs", given])).toEqual(missing(given));
});

test("a schedule too", async () => {
  const daemon = fake([A, C]);
  expect(await daemon.run(["schedule", "remove", "0001"])).toMatchObject({ code: 0, err: `schedule ${C} is removed\n` });
  expect(await daemon.run(["schedule", "remove", "ffff"])).toMatchObject({ code: 4, err: expect.stringContaining("orco schedule list") });
});

test("retry from a step that the run does not have is a usage error that names those it has", async () => {
  const detail = "the run has no step nope; it has build, test";
  const refuses = () => problem(400, { code: "invalid", detail, errors: [{ pointer: "/from_step", detail }] });
  const daemon = new FakeDaemon({ [`POST /runs/${A}/retry`]: refuses });
  daemons.push(daemon);
  expect(await daemon.run(["run", "retry", A, "--from", "nope"])).toEqual({ code: 2, out: "", err: `orco: ${detail}\n` });
});
