import { afterEach, describe, expect, test } from "bun:test";
import type { RunView } from "../workflow/view.ts";
import { FakeDaemon, problem, runView } from "./daemon.fake.ts";

const ID = "01890000-0000-7000-8000-000000000001";
const RUN: RunView = {
  ...runView({ id: ID, kind: "deploy", name: "deploy demo", status: "running" }),
  steps: [
    { id: "checkout", status: "completed" },
    { id: "gate", status: "waiting" },
  ],
  waiting: {
    step: "gate",
    kind: "approval",
    summary: "deploy abc \x1b]0;owned\x07touches db",
    content: {
      commit: "abc",
      files: [
        { path: "db/1.sql", lines: 12 },
        { path: "\x1b[2Jdb/2.sql", lines: 1 },
      ],
      note: "a\nb",
      pay: "\u202e001\u202c",
    },
    content_hash: "feed",
    roles: ["owner"],
    since: "2026-01-01T00:00:00.000Z",
    expires_at: "2026-01-02T00:00:00.000Z",
  },
};

const daemons: FakeDaemon[] = [];
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
});

function fake(answers: ConstructorParameters<typeof FakeDaemon>[0]): FakeDaemon {
  const daemon = new FakeDaemon(answers);
  daemons.push(daemon);
  return daemon;
}

const shown = { [`GET /runs/${ID}`]: () => Response.json({ run: RUN }) };
const { waiting: _, ...RUNNING } = RUN;

describe("approve", () => {
  test("shows what waits and approves exactly that", async () => {
    const daemon = fake({ ...shown, [`POST /runs/${ID}/approvals`]: () => Response.json({ run: RUNNING }) });
    const { code, out } = await daemon.run(["approve", ID, "--comment", "looks good"]);
    expect(code).toBe(0);
    expect(out.split("\n")).toEqual([
      `${ID}  deploy demo  running`,
      "deploy abc touches db",
      "  commit: abc",
      "  files:",
      "    db/1.sql  12",
      "    db/2.sql  1",
      "  note:",
      "    a",
      "    b",
      "  pay: 001",
      "only owner may decide it (--role)",
      "until: 2026-01-02T00:00:00.000Z",
      "content: sha256 feed",
      "",
    ]);
    expect(daemon.asked.at(-1)?.body).toEqual({ decision: "approve", step: "gate", comment: "looks good", content_hash: "feed" });
  });

  test("--role says as whom", async () => {
    const daemon = fake({ ...shown, [`POST /runs/${ID}/approvals`]: () => Response.json({ run: RUNNING }) });
    expect((await daemon.run(["approve", ID, "--role", "owner"])).code).toBe(0);
    expect(daemon.asked.at(-1)?.body).toMatchObject({ approver: { id: `uid:${process.getuid?.()}`, role: "owner" } });
  });

  test("--reject rejects; --json prints the run alone", async () => {
    const daemon = fake({ ...shown, [`POST /runs/${ID}/approvals`]: () => Response.json({ run: RUNNING }) });
    expect(await daemon.run(["approve", ID, "--reject", "--json"])).toEqual({ code: 0, out: `${JSON.stringify(RUNNING)}\n`, err: "" });
    expect(daemon.asked.at(-1)?.body).toMatchObject({ decision: "reject" });
  });

  test("exits 5 when nothing waits, or it was decided or has changed meanwhile; 4 for no run", async () => {
    const idle = fake({ [`GET /runs/${ID}`]: () => Response.json({ run: RUNNING }) });
    expect(await idle.run(["approve", ID])).toMatchObject({
      code: 5,
      err: expect.stringContaining("waits for no approval: it is running"),
    });
    for (const code of ["approval_void", "approval_not_applicable"]) {
      const late = fake({ ...shown, [`POST /runs/${ID}/approvals`]: () => problem(409, { code, detail: "too late" }) });
      expect(await late.run(["approve", ID])).toMatchObject({ code: 5, err: "orco: too late\n" });
    }
    expect(await idle.run(["approve", "nonsense"])).toMatchObject({ code: 4 });
  });
});

describe("runs", () => {
  test("shows what a run waits for, and how to decide it", async () => {
    const { out } = await fake(shown).run(["runs", ID]);
    expect(out).toBe(
      `${ID}  deploy demo  running\n  STEP      STATUS     TRY  TOOK  MESSAGE\n  checkout  completed  -    -\n` +
        "  gate      waiting    -    -     deploy abc touches db (until 2026-01-02T00:00:00.000Z)\n" +
        `  decide it: orco approve ${ID} --role …, or with --reject\n`,
    );
    const list = fake({ "GET /runs": () => Response.json({ runs: [RUN] }) });
    expect((await list.run(["runs", "--all"])).out).toContain("waits for approval: deploy abc touches db");
  });
});

test("without a role that may decide, it says which one does", async () => {
  const detail = `only owner may decide gate of run ${ID}; you are uid:0, without a role`;
  const refuses = () => problem(403, { code: "forbidden", detail, roles: ["owner"] });
  const { code, err } = await fake({ ...shown, [`POST /runs/${ID}/approvals`]: refuses }).run(["approve", ID, "--yes"]);
  expect({ code, err }).toEqual({ code: 1, err: `orco: ${detail}\n      add --role owner, or ask one of them\n` });
});
