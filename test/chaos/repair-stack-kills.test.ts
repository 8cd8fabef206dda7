import { expect, test } from "bun:test";
import { dockerHere } from "../docker/engine.ts";
import { Docker } from "../scenarios/docker-rig.ts";
import { crlf, DOCKERFILE, RepairedStack } from "../scenarios/repair-stack-rig.ts";
import { until } from "../until.ts";
import { ChaosRig, cycles } from "./rig.ts";

const engine = await dockerHere();
/** Where the daemon is killed, and what the script does once it can be started. */
const KILLS = [
  { step: "restart", line: "" },
  { step: "rollback", line: "exit 3" },
  { step: "build", line: "" },
  { step: "verify", line: "exit 3" },
  { step: "analyze", line: "" },
  { step: "patch", line: "" },
];

test.if(engine !== undefined)(
  "kill -9 of the daemon while a service of a stack is repaired: repaired, or as before",
  async () => {
    for (const { step, line } of KILLS.slice(0, cycles(1, KILLS.length))) {
      const ended = await killedAt(step, line);
      expect([step, ended]).toEqual([step, line === "" ? "succeeded" : "rolled_back"]);
    }
  },
  600_000,
);

async function killedAt(step: string, line: string): Promise<string> {
  if (!engine) throw new Error("no docker");
  const rig = new ChaosRig({ ORCO_REPAIR_COOLDOWN_MS: "0", ORCO_REPAIR_BREAKER_MS: "0", DOCKER_HOST: engine.host });
  const docker = new Docker(engine, rig);
  const repaired = new RepairedStack(rig, docker, stackOn(rig, line));
  try {
    await repaired.commit();
    await rig.begin();
    await repaired.stack.orco("up", "-d");
    await repaired.stack.whenService("api", "to fail", ({ restarts }) => restarts > 0);
    const before = repaired.files();
    const { run_id: id } = await repaired.repair(`${repaired.stack.name}/api`);
    const hasBegun = async (): Promise<boolean> =>
      (await rig.client.repair.get(id)).steps.find(({ name }) => name === step)?.status !== "pending";
    await until(`${step} to begin`, hasBegun, 60_000);
    await rig.kill();
    await rig.begin();
    const { status } = await repaired.ended(id);
    if (status === "rolled_back") expect(repaired.files()).toEqual(before);
    if (status === "succeeded") expect(await repaired.stack.service("api")).toMatchObject({ state: "Running", ready: true });
    return status;
  } finally {
    await rig.close();
    await docker.clean();
    await repaired.clean();
  }
}

function stackOn(rig: ChaosRig, line: string): RepairedStack["stack"] {
  const stack = rig.stack(
    `services:
  api:
    build: ./api
    init: true
    restartPolicy: { maxRetries: -1, backoff: { min: 100ms, max: 200ms } }`,
    `k${crypto.randomUUID().slice(0, 5)}`,
  );
  stack.write("api/Dockerfile", DOCKERFILE);
  stack.write("api/start.sh", crlf(...(line === "" ? [] : [line])));
  stack.write("orco.repair.yaml", "version: 1\nservices: { api: { settle: 2s, restart_timeout: 20s } }\n");
  return stack;
}
