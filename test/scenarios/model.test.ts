import { readFileSync } from "node:fs";
import { errnoOf } from "../../src/kernel/errors.ts";
import type { ServiceView, StackView } from "../../src/stack/view.ts";
import { until } from "../until.ts";
import { firstWorld, follow, nextCommand, randomOf, SERVICES, standsOnStopped, type Command, type World } from "./model.ts";
import { type Rig, scenario } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const CYCLES = Number(process.env["ORCO_CHAOS_CYCLES"] ?? 200);
const SEED = Number(process.env["ORCO_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
/** So often a command is not waited for: the next one, maybe the end of the daemon, comes in its middle. */
const HASTY = 0.4;

scenario(`${CYCLES} random commands end as the model says: one process a wanted replica, of the right version, no other`, async (rig) => {
  const random = randomOf(SEED);
  const walked: string[] = [];
  let world = firstWorld();
  try {
    const stack = rig.stack(fileOf(world));
    await stack.up();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const command = nextCommand(random, world);
      const hasty = random() < HASTY;
      walked.push(`${JSON.stringify(command)}${hasty ? " &" : ""}`);
      world = follow(world, command);
      await carryOut({ rig, stack, world, hasty, random }, command);
      if (!hasty) await atRest(rig, stack, world);
    }
    await atRest(rig, stack, world);
  } catch (error) {
    throw new Error(
      `seed ${SEED} (ORCO_CHAOS_SEED):\n${walked.slice(-12).join("\n")}\n${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
});

interface Call {
  readonly rig: Rig;
  readonly stack: StackUnderTest;
  readonly world: World;
  readonly hasty: boolean;
  readonly random: () => number;
}

function fileOf({ file }: World): string {
  const services = Object.entries(file).map(
    ([name, { replicas, version }]) =>
      `  ${name}: { command: "exec sleep 1000.${version}", replicas: ${replicas}, dependsOn: [${SERVICES[name]?.join(", ")}], restartPolicy: { maxRetries: -1, backoff: { min: 1ms, max: 20ms } } }`,
  );
  return `services:\n${services.join("\n")}`;
}

async function carryOut({ rig, stack, world, hasty, random }: Call, command: Command): Promise<void> {
  // What would wait for a stopped one fails when it is waited for.
  const blocked = "service" in command && standsOnStopped(command.service, world.running);
  const detach = hasty || blocked ? ["-d"] : [];
  switch (command.do) {
    case "edit":
      return stack.edit(fileOf(world));
    case "up":
    case "apply":
      await stack.ok(command.do, "--queue", ...(command.do === "up" ? ["-d", ...(hasty ? [] : ["--wait"])] : detach));
      return;
    case "scale":
      await stack.ok("scale", command.service, String(command.replicas), ...detach);
      return;
    case "kill":
      return killOne(stack, command.service, random);
    case "kill daemon":
    case "stop daemon":
      await rig.killDaemon(command.do === "kill daemon" ? "SIGKILL" : "SIGTERM");
      await rig.serve();
      return;
    case "stop":
    case "start":
    case "restart":
      await stack.ok(command.do, command.service, ...detach);
  }
}

/** As the OOM killer would, and only if the pid still is a service of ours. */
async function killOne(stack: StackUnderTest, service: string, random: () => number): Promise<void> {
  const pids = (await stack.service(service)).instances.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  const pid = pids[Math.floor(random() * pids.length)];
  try {
    if (pid !== undefined && commandOf(pid).startsWith("sleep 1000.")) process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has just ended by itself.
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

/** No change is under way, the view is as the model says, and so are the processes. */
async function atRest(rig: Rig, stack: StackUnderTest, world: World): Promise<void> {
  await stack.when(JSON.stringify(world.running), (view) => isAsModelled(view, world));
  await until("one process a live instance, of its version, and no other", async () => {
    const view = await stack.view();
    if (!isAsModelled(view, world)) return false;
    const shown = view.services.flatMap(({ service, instances }) =>
      instances.flatMap(({ pid }) => (pid === undefined ? [] : [`${pid} sleep 1000.${world.running[service]?.version}`])),
    );
    const actual = rig.instances().filter((line) => /^\d+ sleep 1000/.test(line));
    return JSON.stringify(shown.toSorted()) === JSON.stringify(actual.toSorted());
  });
}

function isAsModelled({ services }: StackView, { running }: World): boolean {
  return services.every((service) => {
    const { wanted = "run", replicas = 0 } = running[service.service] ?? {};
    const oneEach =
      service.instances.map(({ replica }) => replica).join() === Array.from({ length: replicas }, (_, replica) => replica).join();
    if (!oneEach || service.update) return false;
    if (wanted === "stop") return service.instances.every(({ state, pid }) => state === "Stopped" && pid === undefined);
    return service.instances.every(
      (instance) => runs(instance) || (standsOnStopped(service.service, running) && instance.state === "Pending"),
    );
  });
}

function runs({ state, ready, version }: ServiceView["instances"][number]): boolean {
  return state === "Running" && ready && version === "new";
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // It ended by itself meanwhile.
  }
}
