import { afterAll } from "bun:test";
import { homeId } from "../../src/runs/home-id.ts";
import {
  type ContainerInfo,
  type HostConfig,
  inspectContainer,
  listContainers,
  removeContainer,
} from "../../src/supervise/docker/containers.ts";
import { Engine } from "../../src/supervise/docker/engine.ts";
import { dockerHere, IMAGE } from "../docker/engine.ts";
import { sharedRig, type Rig } from "./rig.ts";

/** More of it than orco itself looks at. */
export interface Inspected extends ContainerInfo {
  readonly HostConfig: HostConfig;
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
}

interface Named {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** A rig whose stacks run containers, and what docker itself says about them. Nothing of them is left in docker at the end. */
export async function dockerRig(env: Readonly<Record<string, string>> = {}): Promise<{ rig: Rig; docker: Docker } | undefined> {
  const engine = await dockerHere();
  if (!engine) return undefined;
  const rig = sharedRig({ DOCKER_HOST: engine.host, ...env }, `s${crypto.randomUUID().slice(0, 4)}-`);
  const docker = new Docker(engine, rig);
  afterAll(() => docker.clean());
  return { rig, docker };
}

export class Docker {
  readonly image = IMAGE;

  /** Value of the label `orco.home`. */
  readonly home: string;

  constructor(
    readonly engine: Engine,
    { home }: Rig,
  ) {
    this.home = homeId(home);
  }

  /** Of one stack, or of all of this home. */
  containers(stack?: string) {
    return listContainers(this.engine, this.labels(stack));
  }

  async inspect(id: string): Promise<Inspected> {
    return (await inspectContainer(this.engine, id)) as Inspected;
  }

  async networks(stack?: string): Promise<Named[]> {
    return this.engine.call("GET", "/networks", { query: { filters: this.filters(stack) } });
  }

  async volumes(stack?: string): Promise<Named[]> {
    const { Volumes } = await this.engine.call<{ Volumes: Named[] | null }>("GET", "/volumes", { query: { filters: this.filters(stack) } });
    return Volumes ?? [];
  }

  async clean(): Promise<void> {
    for (const { Id } of await this.containers()) await removeContainer(this.engine, Id);
    for (const { Name } of await this.volumes()) await this.engine.call("DELETE", `/volumes/${Name}`, { query: { force: true } });
    for (const { Name } of await this.networks()) await this.engine.call("DELETE", `/networks/${Name}`);
  }

  private labels(stack: string | undefined): Record<string, string> {
    return { "orco.home": this.home, ...(stack !== undefined && { "orco.stack": stack }) };
  }

  private filters(stack: string | undefined): string {
    return JSON.stringify({ label: Object.entries(this.labels(stack)).map(([name, value]) => `${name}=${value}`) });
  }
}
