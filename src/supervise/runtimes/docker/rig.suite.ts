import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IMAGE } from "../../../../test/docker/engine.ts";
import { systemClock } from "../../../kernel/clock.ts";
import { uuidv7 } from "../../../kernel/id.ts";
import { listContainers, removeContainer } from "../../docker/containers.ts";
import type { Engine } from "../../docker/engine.ts";
import { listNetworks, removeNetwork } from "../../docker/networks.ts";
import type { ContainerLaunch, LaunchSpec } from "../../runtime.ts";
import type { RuntimeUnderTest } from "../contract.suite.ts";
import { DockerRuntime } from "../docker.ts";

export interface DockerRig extends RuntimeUnderTest {
  readonly runtime: DockerRuntime;
  readonly home: string;
  readonly homeId: string;
  readonly stack: string;
  /** How often `trouble()` changed, and what it said then. */
  readonly troubles: (string | undefined)[];
  readonly errors: unknown[];
  successor(engine?: Engine): DockerRuntime;
  launch(script: string, over?: Partial<LaunchSpec>, container?: Partial<ContainerLaunch>): LaunchSpec;
}

/** A runtime with a home and a stack of its own; all it made in docker is gone after `dispose`. `engine` may lead through something that breaks. */
export function dockerRig(docker: Engine, engine = docker): DockerRig {
  const clock = systemClock();
  const home = mkdtempSync(join(tmpdir(), "orco-docker-"));
  const homeId = crypto.randomUUID().slice(0, 13);
  const stack = `t${homeId}`;
  const made: DockerRuntime[] = [];
  const [troubles, errors]: [(string | undefined)[], unknown[]] = [[], []];
  const create = (through = engine): DockerRuntime => {
    const runtime: DockerRuntime = new DockerRuntime({
      engine: through,
      home,
      homeId,
      clock,
      onTrouble: () => troubles.push(runtime.trouble()),
      onError: (error) => errors.push(error),
    });
    made.push(runtime);
    return runtime;
  };
  const owner = { "orco.home": homeId, "orco.stack": stack };
  return {
    home,
    homeId,
    stack,
    troubles,
    errors,
    runtime: create(),
    successor: create,
    launch: (script, over = {}, container = {}) => launchOf(script, { over, container, owner, instance: uuidv7(clock) }),
    living: async (instance) => {
      const rows = await listContainers(docker, { "orco.instance": instance });
      const tops = rows.map(async ({ Id }) => docker.call<{ Processes: unknown[] }>("GET", `/containers/${Id}/top`).catch(() => undefined));
      return (await Promise.all(tops)).reduce((sum, top) => sum + (top?.Processes.length ?? 0), 0);
    },
    async dispose() {
      for (const runtime of made) runtime.close();
      for (const { Id } of await listContainers(docker, { "orco.home": homeId })) await removeContainer(docker, Id);
      for (const { Id } of await listNetworks(docker, { label: [`orco.home=${homeId}`] })) await removeNetwork(docker, Id);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Gives each test a rig on a docker that is known when the test runs, and expects no error behind its back. */
export function rigsOn(docker: () => Engine): (body: (rig: DockerRig) => Promise<void>) => Promise<void> {
  return async (body) => {
    const rig = dockerRig(docker());
    try {
      await body(rig);
      expect(rig.errors).toEqual([]);
    } finally {
      await rig.dispose();
    }
  };
}

interface LaunchParts {
  readonly over: Partial<LaunchSpec>;
  readonly container: Partial<ContainerLaunch>;
  readonly owner: Readonly<Record<string, string>>;
  readonly instance: string;
}

function launchOf(script: string, { over, container, owner, instance }: LaunchParts): LaunchSpec {
  const { "orco.stack": stack = "" } = owner;
  return {
    instance,
    stack,
    service: "x",
    replica: 0,
    argv: ["/bin/sh", "-c", script],
    cwd: "",
    env: { PATH: "/bin" },
    container: {
      name: `${stack}-x-0-${instance.slice(-6)}`,
      image: IMAGE,
      pull: "never",
      // Process 1 has no default handlers: a shell would ignore what it is sent. An init cannot say that a program is missing.
      init: over.argv === undefined,
      stopSignal: "SIGTERM",
      ulimits: {},
      labels: { ...owner, "orco.service": "x", "orco.replica": "0", "orco.instance": instance, "orco.config": "c" },
      network: { name: `${stack}_default`, labels: owner },
      aliases: ["x"],
      volumes: [],
      publish: [],
      dialled: [],
      secrets: [],
      anonymousVolume: { prefix: `${stack}_x-0-`, labels: owner },
      ...container,
    },
    ...over,
  };
}
