import { startLoad } from "./load.ts";
import { daemonPid } from "./processes.ts";
import { repair, takeDown } from "./repair.ts";
import { orco, orcoOk, type Stage } from "./stage.ts";
import { eventually, serviceOf, status } from "./state.ts";
import type { Step } from "./steps.ts";

const READY_WITHIN_MS = 30_000;

const bringUp: Step = {
  name: "bring up containers and a process: orco up -d --wait",
  async run(stage, say) {
    const { code, stderr } = await orco(stage, "up", "-d", "--wait");
    if (code !== 0) throw new Error(`orco up exited with ${code}:\n${stderr}`);
    say((await orcoOk(stage, "status")).stdout);
    say(await ask(stage));
  },
};

const byName: Step = {
  name: "services find each other by name: orco exec api -- wget -q -O - http://db:5432/started",
  async run(stage, say) {
    const { stdout } = await orcoOk(stage, "exec", "api", "--", "wget", "-q", "-O", "-", "http://db:5432/started");
    say(stdout);
    if (stdout.trim() === "") throw new Error("db said nothing");
  },
};

const update: Step = {
  name: "change the API under load: orco apply replaces its containers one after the other",
  async run(stage, say) {
    const load = startLoad(stage.webUrl);
    try {
      await orcoOk(changed(stage), "apply");
    } finally {
      await load.stop();
    }
    const { answered, failures } = await load.stop();
    say(`${await ask(stage)}${answered} requests answered meanwhile, ${failures.length} failed`);
    if (failures.length > 0) throw new Error(failures.slice(0, 3).join("; "));
  },
};

const killDaemon: Step = {
  name: "kill -9 the daemon: containers and traffic go on, the next one adopts them",
  async run(stage, say) {
    const before = await containers(stage);
    const load = startLoad(stage.webUrl);
    const daemon = daemonPid(stage.home);
    process.kill(daemon, "SIGKILL");
    await orcoOk(changed(stage), "up", "-d", "--wait");
    const after = await containers(stage);
    const { answered, failures } = await load.stop();
    say(
      `daemon ${daemon} is dead, ${daemonPid(stage.home)} has adopted ${after.size} containers; ${answered} requests, ${failures.length} failed`,
    );
    if (failures.length > 0) throw new Error(failures.slice(0, 3).join("; "));
    if ([...before].some(([name, id]) => after.get(name) !== id)) throw new Error("a container was replaced");
  },
};

const remove: Step = {
  name: "remove a container by hand: docker rm -f; it comes back, and orco events says why",
  async run(stage, say) {
    const [name = "", id = ""] = [...(await containers(stage))][1] ?? [];
    docker("rm", "-f", id);
    await eventually(`${name} in another container`, READY_WITHIN_MS, async () => {
      const { replicas } = serviceOf(await status(stage), "api");
      const now = (await containers(stage)).get(name);
      return now !== undefined && now !== id && replicas.ready === replicas.desired ? true : undefined;
    });
    const { stdout } = await orcoOk(stage, "events");
    const why = stdout.split("\n").find((line) => line.includes(" removed: "));
    if (why === undefined) throw new Error("no event says that it was removed");
    say(why);
    say((await orcoOk(stage, "status")).stdout);
  },
};

const down: Step = {
  name: "take everything down: orco down --volumes",
  async run(stage, say) {
    await orcoOk(stage, "down", "--volumes");
    await orcoOk(stage, "shutdown");
    const left = docker("ps", "-aq", "--filter", await ours(stage));
    if (left.length > 0) throw new Error(`containers are left: ${left.join(" ")}`);
    say("containers left: 0");
  },
};

export const dockerSteps: readonly Step[] = [bringUp, byName, update, killDaemon, remove, repair, down];

async function ask({ webUrl }: Stage): Promise<string> {
  return (await fetch(webUrl)).text();
}

/** Whatever happened: a daemon that is dead takes nothing down. */
export async function removeLeftovers(stage: Stage): Promise<void> {
  await takeDown(stage);
  if (!(await Bun.file(`${stage.home}/home-id`).exists())) return;
  const filter = await ours(stage);
  for (const id of docker("ps", "-aq", "--filter", filter)) docker("rm", "-f", id);
  for (const id of docker("network", "ls", "-q", "--filter", filter)) docker("network", "rm", id);
  for (const name of docker("volume", "ls", "-q", "--filter", filter)) docker("volume", "rm", name);
}

async function ours({ home }: Stage): Promise<string> {
  return `label=orco.home=${(await Bun.file(`${home}/home-id`).text()).trim()}`;
}

/** The words it prints. */
function docker(...args: string[]): string[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["docker", ...args]);
  if (exitCode !== 0) throw new Error(`docker ${args.join(" ")} exited with ${exitCode}: ${stderr.toString()}`);
  return stdout.toString().split(/\s+/).filter(Boolean);
}

/** The stack with another greeting. */
function changed(stage: Stage): Stage {
  return { ...stage, env: { ...stage.env, GREETING: "hello again" } };
}

/** `api/0 → id` of every container. */
async function containers(stage: Stage): Promise<Map<string, string>> {
  const { services } = await status(stage);
  const rows = services.flatMap(({ service, instances }) =>
    instances.flatMap(({ replica, container }) => (container === undefined ? [] : [[`${service}/${replica}`, container] as const])),
  );
  return new Map(rows);
}
