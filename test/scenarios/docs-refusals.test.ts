import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Ask, type Reply, RunsRig } from "./runs-rig.ts";

/** Every refusal that the API reference names is one that a daemon gives, with the facts it promises. */
const NOTES = join(import.meta.dirname, "../../scripts/api-reference/notes.md");
const REFUSAL = /^- (\d{3}) `(\w+)`(?: \{([^}]*)\})?/;
const LONG = "x".repeat(1024 * 1024);

const rig = new RunsRig();
const made = { completed: "", waiting: "", sent: "", held: "", stale: "", over: "", token: "", former: "", last: "" };

beforeAll(async () => {
  await rig.up();
  made.completed = (await rig.through([{ id: "a", command: ["true"] }])).run.id;
  const ask = { roles: ["owner"] };
  made.waiting = await rig.plan([
    { id: "a", approval: ask },
    { id: "b", approval: ask },
  ]);
  await rig.stepWhen(made.waiting, "b", "waiting");
  made.sent = await rig.plan([
    { id: "a", wait_for: { signal: "go" }, needs: ["b"] },
    { id: "b", approval: {} },
  ]);
  await rig.post(`/runs/${made.sent}/signals/go`, { data: 1 });
  await rig.stepWhen(made.sent, "b", "waiting");
  ({ id: made.held, token: made.token } = await claimed());
  ({ id: made.stale, token: made.former } = await claimed());
  await rig.post(`/runs/${made.stale}/heartbeat`, { release: true }, as(made.former));
  await rig.post(`/runs/${made.stale}/claim`, { worker: "next" });
  ({ id: made.over, token: made.last } = await claimed());
  await rig.post(`/runs/${made.over}/finish`, { status: "completed" }, as(made.last));
});

afterAll(() => rig.close());

async function claimed(): Promise<{ id: string; token: string }> {
  const id = await rig.create({ external: true });
  const { body } = await rig.post(`/runs/${id}/claim`, { worker: "first" });
  return { id, token: String(body["token"]) };
}

function as(token: string): Ask {
  return { headers: { "x-run-token": token } };
}

function create(body: object, query = "", headers: Record<string, string> = {}): Promise<Reply> {
  return rig.post(`/runs${query}`, body, { headers });
}

/** What a worker sends to a run. */
const REPORTS = {
  heartbeat: {},
  checkpoints: { type: "x" },
  report: { checkpoints: [{ type: "x" }] },
  finish: { status: "completed" },
  logs: { lines: [] },
};
type Report = keyof typeof REPORTS;

const stale = (what: Report) => (): Promise<Reply> => rig.post(`/runs/${made.stale}/${what}`, REPORTS[what], as(made.former));
const over = (what: Report) => (): Promise<Reply> => rig.post(`/runs/${made.over}/${what}`, REPORTS[what], as(made.last));
const ended = (what: string, body?: object) => (): Promise<Reply> => rig.post(`/runs/${made.completed}/${what}`, body);
const decide = (body: object) => (): Promise<Reply> => rig.post(`/runs/${made.waiting}/approvals`, { decision: "approve", ...body });

async function twice(path: string, first: object, second: object): Promise<Reply> {
  const ask = { headers: { "idempotency-key": `twice ${path}`.replaceAll(/[^a-z]/g, "-") } };
  await rig.post(path, first, ask);
  return rig.post(path, second, ask);
}

/** Operation and code, and a number where one code has several reasons. */
const PROVOKE: Readonly<Record<string, () => Promise<Reply>>> = {
  "createRun invalid": () => create({ plan: { steps: [{ id: "a", command: ["x"], needs: ["a"] }] } }),
  "createRun busy": async () => {
    const lane = { external: true, concurrency_key: "one", concurrency: { policy: "reject" } };
    await create(lane);
    return create(lane);
  },
  "createRun too_large": () => create({ input: { LONG } }),
  "createRun unprocessable": () => twice("/runs", { name: "a" }, { name: "b" }),
  "createRun unavailable": () => create({ plan: { steps: [{ id: "a", command: ["true"] }] } }, "?mode=redis"),
  "retryRun invalid": ended("retry", { from_step: "nowhere" }),
  "retryRun conflict": () => rig.post(`/runs/${made.waiting}/retry`),
  "pauseRun conflict": ended("pause"),
  "resumeRun conflict": ended("resume"),
  "decideRun invalid": decide({ approver: { id: "ada", role: "owner" } }),
  "decideRun forbidden": decide({ step: "a", approver: { id: "ada", role: "guest" } }),
  "decideRun approval_not_applicable": ended("approvals", { decision: "approve" }),
  "decideRun approval_void": decide({ step: "a", approver: { id: "ada", role: "owner" }, content_hash: "0".repeat(64) }),
  "signalRun conflict": ended("signals/go", {}),
  "signalRun conflict 2": () => rig.post(`/runs/${made.sent}/signals/go`, { data: 2 }),
  "signalRun too_large": () => rig.post(`/runs/${made.sent}/signals/other`, { data: LONG }),
  "deleteRun conflict": () => rig.delete(`/runs/${made.completed}`),
  "cancelRun conflict": ended("cancel"),
  "claimRun not_external": () => rig.post(`/runs/${made.waiting}/claim`, { worker: "w" }),
  "claimRun busy": () => rig.post(`/runs/${made.held}/claim`, { worker: "w" }),
  "claimRun conflict": () => rig.post(`/runs/${made.over}/claim`, { worker: "w" }),
  "heartbeatRun stale_attempt": stale("heartbeat"),
  "heartbeatRun conflict": over("heartbeat"),
  "postCheckpoint stale_attempt": stale("checkpoints"),
  "postCheckpoint conflict": over("checkpoints"),
  "postCheckpoint too_large": () => rig.post(`/runs/${made.held}/checkpoints`, { type: "x", data: LONG }, as(made.token)),
  "reportRun invalid": () => rig.post(`/runs/${made.held}/report`, { changes: [{ step: "a]", event: "begin" }] }, as(made.token)),
  "reportRun stale_attempt": stale("report"),
  "reportRun conflict": over("report"),
  "lastCheckpoint not_found": () => rig.get(`/runs/${made.held}/steps/none/checkpoint`, as(made.token)),
  "postRunLogs stale_attempt": stale("logs"),
  "postRunLogs conflict": over("logs"),
  "putArtifact invalid": () => rig.ask(`/runs/${made.held}/artifacts/.hidden`, { method: "POST", raw: "x" }),
  "putArtifact too_large": () => rig.ask(`/runs/${made.held}/artifacts/big`, { method: "POST", raw: new Uint8Array(64 * 1024 * 1024 + 1) }),
  "getArtifact not_found": () => rig.get(`/runs/${made.held}/artifacts/none`),
  "finishRun stale_attempt": stale("finish"),
  "finishRun conflict": over("finish"),
  "finishRun too_large": () => rig.post(`/runs/${made.held}/finish`, { status: "completed", result: LONG }, as(made.token)),
  "createSchedule invalid": () => rig.post("/schedules", { cron: "never", run: {} }),
  "createSchedule unprocessable": () =>
    twice("/schedules", { cron: "@daily", run: {}, enabled: false }, { cron: "@hourly", run: {}, enabled: false }),
  "events invalid": () => rig.get("/events?topic=/"),
  "shutdown forbidden": () => rig.post("/shutdown"),
};

/** What takes another daemon than this one; tests of its own hold it. */
const ELSEWHERE: ReadonlySet<string> = new Set(["retryRun unavailable"]);

interface Refusal {
  readonly name: string;
  readonly status: number;
  readonly code: string;
  readonly facts: readonly string[];
}

function refusalsIn(notes: string): Refusal[] {
  const found = new Map<string, Refusal>();
  let operation = "";
  for (const line of notes.split("\n")) {
    if (line.startsWith("#")) operation = line.startsWith("## ") ? line.slice(3) : "";
    const [, status = "", code = "", facts = ""] = REFUSAL.exec(line) ?? [];
    if (operation === "" || code === "") continue;
    const first = `${operation} ${code}`;
    const name = found.has(first) ? `${first} 2` : first;
    const promised = facts.split(", ").filter((fact) => fact !== "" && !fact.endsWith("?"));
    found.set(name, { name, status: Number(status), code, facts: promised });
  }
  return [...found.values()].filter(({ name }) => !ELSEWHERE.has(name));
}

const refusals = refusalsIn(await Bun.file(NOTES).text());

test("each refusal on the page has a request that provokes it, and the other way round", () => {
  expect(refusals.map(({ name }) => name).toSorted()).toEqual(Object.keys(PROVOKE).toSorted());
});

for (const { name, status, code, facts } of refusals)
  test(`${name}: ${status}`, async () => {
    const reply = await PROVOKE[name]?.();
    expect({ status: reply?.status, code: reply?.body["code"], text: reply?.text.slice(0, 300) }).toMatchObject({ status, code });
    expect(facts.filter((fact) => reply?.body[fact] === undefined)).toEqual([]);
  });
