import { describe, expect, test } from "bun:test";
import { killContainer, removeContainer } from "../../src/supervise/docker/containers.ts";
import { freePort } from "../free-port.ts";
import { dockerRig, type Docker } from "../scenarios/docker-rig.ts";
import { randomOf } from "../scenarios/model.ts";
import { type Rig, sharedRig } from "../scenarios/rig.ts";
import type { StackUnderTest } from "../scenarios/stack-under-test.ts";
import type { StackView } from "../../src/stack/view.ts";
import { until } from "../until.ts";
import { cycles } from "./rig.ts";

const CYCLES = cycles(15, 150);
const SEED = Number(process.env["ORCO_CHAOS_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const CYCLE_BUDGET_MS = 15_000;
/** So often a command is not waited for: the next one, maybe the end of the daemon, comes in its middle. */
const HASTY = 0.35;
const REST_MS = 45_000;

const found = await dockerRig();
const { rig, docker } = found ?? ({ rig: sharedRig() } as { rig: Rig; docker: Docker });

const NAMES = ["web", "job", "own"] as const;
type Name = (typeof NAMES)[number];

interface Service {
  readonly up: boolean;
  readonly replicas: number;
  readonly version: number;
}

interface World {
  /** Undefined: down. */
  readonly running: Readonly<Record<Name, Service>> | undefined;
  readonly file: Readonly<Record<Name, Pick<Service, "replicas" | "version">>>;
}

const MOVES = [
  "up",
  "apply",
  "apply",
  "edit",
  "edit",
  "stop",
  "start",
  "restart",
  "scale",
  "scale",
  "exec",
  "exec",
  "down",
  "remove",
  "remove",
  "kill",
  "kill daemon",
] as const;
type Move = { readonly do: (typeof MOVES)[number]; readonly service: Name; readonly replicas: number };

const each = <T>(value: (name: Name) => T): Record<Name, T> => ({ web: value("web"), job: value("job"), own: value("own") });

function follow({ running, file }: World, move: Move): World {
  const changed = (to: Partial<Service>): World =>
    running ? { file, running: { ...running, [move.service]: { ...running[move.service], ...to } } } : { file, running };
  switch (move.do) {
    case "edit":
      return { running, file: { ...file, [move.service]: { replicas: move.replicas, version: file[move.service].version + 1 } } };
    case "up":
      return { file, running: each((name) => ({ ...file[name], up: true })) };
    case "apply":
      return { file, running: each((name) => ({ ...file[name], up: running?.[name].up ?? true })) };
    case "scale":
      return changed({ replicas: move.replicas, up: true });
    case "stop":
      return changed({ up: false });
    case "start":
    case "restart":
      return changed({ up: true });
    case "down":
      return { file, running: undefined };
    case "exec":
    case "remove":
    case "kill":
    case "kill daemon":
      return { file, running };
  }
}

class Walk {
  world: World = { running: undefined, file: each(() => ({ replicas: 1, version: 1 })) };
  readonly walked: string[] = [];
  private readonly random = randomOf(SEED);

  constructor(
    private readonly stack: StackUnderTest,
    private readonly port: number,
  ) {}

  async step(): Promise<void> {
    const move = this.next();
    const hasty = this.random() < HASTY;
    this.walked.push(`${move.do} ${move.service} ${move.replicas}${hasty ? " &" : ""}`);
    this.world = follow(this.world, move);
    await this.carryOut(move, hasty);
    if (!hasty) await this.rest();
  }

  private next(): Move {
    const pick = <T>(from: readonly T[]): T => from[Math.floor(this.random() * from.length)] as T;
    // Of a stack that is down there is nothing else to ask.
    const move = this.world.running ? pick(MOVES) : pick(["up", "up", "up", "edit", "kill daemon"] as const);
    return { do: move, service: pick(NAMES), replicas: 1 + Math.floor(this.random() * 3) };
  }

  file(): string {
    const { web, job, own } = this.world.file;
    const policy = "restartPolicy: { maxRetries: -1, backoff: { min: 1ms, max: 50ms } }";
    const box = `image: ${docker.image}, init: true, ${policy}`;
    const serve = (version: number): string => `mkdir /tmp/w; echo v${version} > /tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w`;
    return `
      services:
        web: { ${box}, command: [sh, -c, "${serve(web.version)}"], replicas: ${web.replicas}, update: { strategy: rolling }, ports: ["${this.port}:8080"], health: { http: { url: "http://localhost:${this.port}/" }, interval: 200ms, timeout: 5s, failureThreshold: 20 } }
        job: { ${box}, command: [sh, -c, "echo v${job.version} >> /data/starts; exec sleep 1000.${job.version}"], replicas: ${job.replicas}, volumes: ["data:/data"] }
        own: { command: "exec sleep 1000.${own.version}", replicas: ${own.replicas}, ${policy} }
    `;
  }

  private async carryOut({ do: what, service, replicas }: Move, hasty: boolean): Promise<void> {
    const detach = hasty ? ["-d"] : [];
    switch (what) {
      case "edit":
        return this.stack.edit(this.file());
      case "up":
        await this.stack.ok("up", "-d", "--queue", ...(hasty ? [] : ["--wait"]));
        return;
      case "apply":
        await this.stack.ok("apply", "--queue", ...detach);
        return;
      case "scale":
        await this.stack.ok("scale", service, String(replicas), ...detach);
        return;
      case "down":
        await this.stack.ok("down");
        return;
      case "exec": {
        const { code } = await this.stack.orco("exec", service, "--", "sh", "-c", "exit 7");
        if (!hasty && this.walked.at(-2)?.endsWith("&") === false && this.world.running?.[service].up) expect([7, 125]).toContain(code);
        return;
      }
      case "kill daemon":
        await rig.killDaemon();
        await rig.serve();
        return;
      case "remove":
      case "kill":
        return this.harm(what);
      case "stop":
      case "start":
      case "restart":
        await this.stack.ok(what, service, ...detach);
    }
  }

  /** As somebody beside orco would. */
  private async harm(how: "remove" | "kill"): Promise<void> {
    const rows = (await docker.containers(this.stack.name)).toSorted((a, b) => a.Id.localeCompare(b.Id));
    const row = rows[Math.floor(this.random() * rows.length)];
    if (!row) return;
    const done = how === "remove" ? removeContainer(docker.engine, row.Id) : killContainer(docker.engine, row.Id, { sig: "KILL" });
    await done.catch(() => undefined); // It went by itself meanwhile.
  }

  /** The view is as the model says, and so are docker and the processes. */
  async rest(): Promise<void> {
    let why = "";
    await until("the model", async () => (why = await this.difference()) === "", REST_MS).catch(() => {
      throw new Error(`not as the model says: ${why}\n${JSON.stringify(this.world.running)}`);
    });
  }

  private async difference(): Promise<string> {
    const containers = (await docker.containers(this.stack.name)).filter(({ State }) => State === "running");
    const processes = rig.instances().filter((line) => /^\d+ sleep 1000/.test(line));
    const view = await this.stack.view().catch(() => undefined);
    const { running } = this.world;
    if (!running) return view || containers.length + processes.length > 0 ? "not down" : "";
    if (!view) return "no view";
    const wrong = NAMES.map((name) => differenceOf(view, name, running[name])).find((line) => line !== "");
    if (wrong !== undefined) return wrong;
    const shown = view.services.flatMap(({ instances }) =>
      instances.flatMap(({ container, state }) => (container && state === "Running" ? [container] : [])),
    );
    if (
      shown.toSorted().join() !==
      containers
        .map(({ Id }) => Id)
        .toSorted()
        .join()
    )
      return `containers ${shown.join()} but docker has ${containers.map(({ Id }) => Id).join()}`;
    const own = running.own.up ? running.own.replicas : 0;
    return processes.length === own && processes.every((line) => line.includes(`1000.${running.own.version}`))
      ? ""
      : `processes ${processes.join("; ")}`;
  }
}

function differenceOf({ services }: StackView, name: Name, { up, replicas }: Service): string {
  const service = services.find((one) => one.service === name);
  if (!service) return `no ${name}`;
  if (service.update) return `${name} is updated`;
  const ordinals = service.instances.map(({ replica }) => replica).join();
  if (ordinals !== Array.from({ length: replicas }, (_, replica) => replica).join()) return `${name} has ${ordinals}`;
  const wrong = service.instances.find(({ state, ready, version }) =>
    up ? state !== "Running" || !ready || version !== "new" : state !== "Stopped",
  );
  return wrong
    ? `${name}/${wrong.replica} is ${wrong.state} ready=${wrong.ready} ${wrong.version} ${wrong.reason}: ${service.message}`
    : "";
}

describe.skipIf(!found)("containers", () => {
  test(
    `${CYCLES} random commands and mishaps end as the model says, and leave nothing`,
    async () => {
      const port = freePort();
      const stack = rig.stack("");
      const walk = new Walk(stack, port);
      stack.edit(walk.file());
      try {
        await rig.serve();
        for (let cycle = 0; cycle < CYCLES; cycle++) await walk.step();
        await walk.rest();
        if (walk.world.running) await stack.ok("down", "--volumes");
        else await stack.ok("up", "-d", "--wait").then(() => stack.ok("down", "--volumes"));
      } catch (error) {
        const told = error instanceof Error ? error.message : String(error);
        throw new Error(`seed ${SEED} (ORCO_CHAOS_SEED):\n${walk.walked.slice(-15).join("\n")}\n${told}`, { cause: error });
      }
      await until("no container", async () => (await docker.containers()).length === 0);
      expect([await docker.networks(), await docker.volumes(), rig.instances()]).toEqual([[], [], []]);
    },
    60_000 + CYCLES * CYCLE_BUDGET_MS,
  );
});
