import { eventually, pidsOf, serviceOf, status } from "./state.ts";
import { deployAct } from "./deploy.ts";
import { INFERENCE_STEPS } from "./inference.ts";
import { startLoad } from "./load.ts";
import { daemonPid, processesWith } from "./processes.ts";
import { runsAct } from "./runs.ts";
import { orco, orcoOk, type Stage } from "./stage.ts";

/** `say` prints a line under the step. A step that fails throws. */
export interface Step {
  readonly name: string;
  readonly run: (stage: Stage, say: (text: string) => void) => Promise<void>;
}

const READY_WITHIN_MS = 15_000;
const REQUESTS_AFTER_KILL = 100;

const bringUp: Step = {
  name: "bring up the guestbook: orco up -d --wait",
  async run(stage, say) {
    const up = orco(stage, "up", "-d", "--wait");
    const ended = { yet: false };
    void up.then(() => (ended.yet = true));
    let shown = "";
    const look = async (): Promise<void> => {
      const { code, stdout } = await orco(stage, "status");
      const picture = stdout.replaceAll(/\d+(ms|s)\b|\s+/g, "");
      if (code !== 0 || picture === shown) return;
      shown = picture;
      say(stdout);
    };
    while (!ended.yet) await look();
    const { code, stderr, stdout } = await up;
    if (code !== 0) throw new Error(`orco up exited with ${code}:\n${stderr || stdout}`);
    await look();
  },
};

const postAndRead: Step = {
  name: "post an entry through web, twice with one key, and read it back",
  async run(stage, say) {
    const entry = { key: crypto.randomUUID(), name: "Ada", message: "written through web → api → db" };
    const first = await post(stage, entry);
    const second = await post(stage, entry);
    if (!first || second) throw new Error(`stored: first ${first}, second ${second}; expected true, false`);
    const read = await fetch(`${stage.webUrl}/entries.json`);
    const entries = (await read.json()) as { key: string; name: string; message: string }[];
    const mine = entries.filter(({ key }) => key === entry.key);
    if (mine.length !== 1) throw new Error(`the entry is there ${mine.length} times`);
    say(`${mine[0]?.name}: “${mine[0]?.message}”, stored once`);
  },
};

async function post(stage: Stage, entry: unknown): Promise<boolean> {
  const answer = await fetch(`${stage.webUrl}/entries.json`, { method: "POST", body: JSON.stringify(entry) });
  if (!answer.ok) throw new Error(`POST /entries.json answered ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { stored: boolean }).stored;
}

const killApi: Step = {
  name: "kill -9 the api",
  async run(stage, say) {
    const pid = pidsOf(await status(stage)).get("api/0");
    if (pid === undefined) throw new Error("status shows no pid for api");
    process.kill(pid, "SIGKILL");
    const killedAt = performance.now();
    const back = await eventually("api ready again", READY_WITHIN_MS, async () => {
      const api = serviceOf(await status(stage), "api");
      const now = api.instances[0]?.pid;
      return api.ready && now !== undefined && now !== pid ? api : undefined;
    });
    say(
      `pid ${pid} → ${back.instances[0]?.pid}, ready again after ${Math.round(performance.now() - killedAt)} ms, restarts: ${back.restarts}`,
    );
    await eventually("an answer through web", READY_WITHIN_MS, async () =>
      (await fetch(`${stage.webUrl}/entries.json`)).ok ? true : undefined,
    );
  },
};

const killDaemon: Step = {
  name: "kill -9 the daemon under requests through web",
  async run(stage, say) {
    const before = pidsOf(await status(stage));
    const daemon = daemonPid(stage.home);
    const load = startLoad(`${stage.webUrl}/entries.json`);
    await answers(load, REQUESTS_AFTER_KILL);
    process.kill(daemon, "SIGKILL");
    await answers(load, REQUESTS_AFTER_KILL);
    say(`daemon ${daemon} is dead, web goes on answering`);
    await orcoOk(stage, "up", "-d", "--wait");
    const after = pidsOf(await status(stage));
    await answers(load, REQUESTS_AFTER_KILL);
    const { answered, failures } = await load.stop();
    say(`${answered} requests, ${failures.length} failed`);
    if (failures.length > 0) throw new Error(`${failures.length} requests failed, the first: ${failures[0]}`);
    expectSamePids(before, after);
    say(
      `daemon ${daemonPid(stage.home)} adopted all ${after.size} processes: ${[...after].map(([name, pid]) => `${name} ${pid}`).join(", ")}`,
    );
  },
};

async function answers(load: ReturnType<typeof startLoad>, more: number): Promise<void> {
  const goal = load.answered() + more;
  await eventually(`${more} more answers`, READY_WITHIN_MS, async () => (load.answered() >= goal ? true : undefined));
}

function expectSamePids(before: Map<string, number>, after: Map<string, number>): void {
  const changed = [...before].filter(([name, pid]) => after.get(name) !== pid);
  if (before.size === 0 || changed.length > 0 || after.size !== before.size) {
    const show = (pids: Map<string, number>): string => [...pids].map(([name, pid]) => `${name} ${pid}`).join(", ");
    throw new Error(`processes were not adopted.\n  before: ${show(before)}\n  after:  ${show(after)}`);
  }
}

const takeDown: Step = {
  name: "take everything down: orco down, orco shutdown",
  async run(stage, say) {
    await orcoOk(stage, "down");
    await orcoOk(stage, "shutdown");
    const left = await eventually("the end of every process", READY_WITHIN_MS, async () => {
      const pids = processesWith(stage.folder);
      return pids.length === 0 ? pids : undefined;
    });
    say(`processes left: ${left.length}`);
  },
};

const deploys: Step = {
  name: "deploy v1, v2 and a broken v3 from git, then roll back, under continuous requests",
  async run(stage, say) {
    if (Bun.which("git")) await deployAct(stage, say);
    else say("skipped: git is not installed, and deploys need it");
  },
};

const runs: Step = {
  name: "run a plan of six steps, one of which fails at first; kill -9 the daemon in the midst of it",
  run: runsAct,
};

export const STEPS: readonly Step[] = [bringUp, postAndRead, killApi, killDaemon, deploys, runs, ...INFERENCE_STEPS, takeDown];
