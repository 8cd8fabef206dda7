import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { ContainerState } from "./finding.ts";
import type { ServiceConfig } from "./project.ts";
import type { Before, BuildResult, Target, Work } from "./target.ts";

export const SERVICES = ["api", "gate"] as const;
export type Service = (typeof SERVICES)[number];

/**
 * What happens at one call. refuse: it fails as docker says no. fail: docker is away. hang: until it is told to end. lose: the image that served is gone, the
 * call goes on. die, die after: the daemon dies, before or after what the call does.
 */
export type Mood = "ok" | "refuse" | "fail" | "hang" | "lose" | "die" | "die after";

interface Container {
  readonly id: string;
  readonly imageId: string;
  /** The Dockerfile it was built of. */
  readonly text: string;
  readonly startedAt: string;
}

/** A daemon of ours, as far as what it works with is concerned. */
export interface Mortal {
  readonly clock: Clock;
  readonly isAlive: () => boolean;
  readonly die: () => void;
}

interface Call<T> {
  readonly run: string;
  readonly what: string;
  readonly act: () => T;
  /** What it answers where docker says no; it rejects where that is absent. */
  readonly refused?: T;
  readonly signal?: AbortSignal;
}

/** Docker with a compose project of two services, in memory: an image is the text of its Dockerfile. */
export class FakeDocker {
  readonly images = new Map<string, string>();
  readonly tags = new Map<string, string>();
  readonly containers = new Map<Service, Container>();
  readonly lost = new Set<Service>();
  /** Runs that docker was not good to. */
  readonly troubled = new Set<string>();
  private readonly recorded = new Map<string, Before>();
  private calls = 0;
  private made = 0;

  constructor(
    readonly workspace: string,
    private readonly moods: ReadonlyMap<number, Mood>,
    private readonly onChange: (run: string) => void,
  ) {}

  /** What the operator does by hand. */
  up(service: Service, clock: Clock): void {
    this.tags.set(nameOf(service), this.built(this.dockerfile(this.workspace, service)));
    this.replace(service, clock);
    this.lost.delete(service);
  }

  /** What serves: image and container, as somebody looks at them. */
  look(service: Service): string {
    return JSON.stringify([this.tags.get(nameOf(service)), this.containers.get(service)?.imageId, this.serves(service)]);
  }

  serves(service: Service): boolean {
    return isWhole(this.containers.get(service)?.text ?? "");
  }

  /** Tags that belong to one run. */
  tagsOf(run: string): string[] {
    return [...this.tags.keys()].filter((name) => name.endsWith(`:${run}`));
  }

  async call<T>({ isAlive, die }: Mortal, { what, run, act, refused, signal }: Call<T>): Promise<T> {
    await Promise.resolve();
    if (!isAlive()) return new Promise<never>(() => undefined);
    const mood = this.moods.get(this.calls++) ?? "ok";
    if (mood === "fail" || mood === "refuse" || mood === "hang") this.troubled.add(run);
    if (mood === "lose") for (const service of SERVICES) this.lose(service);
    if (mood === "fail") throw new OrcoError("docker_unavailable", `docker is away at ${what}`);
    if (mood === "refuse" && refused === undefined) throw new OrcoError("start_failed", `docker refuses ${what}`);
    if (mood === "refuse") return refused as T;
    if (mood === "hang" && signal) await aborted(signal);
    signal?.throwIfAborted();
    if (mood === "die") die();
    const done = isAlive() ? act() : undefined;
    if (mood === "die after") die();
    return isAlive() ? (done as T) : new Promise<never>(() => undefined);
  }

  target(service: Service, run: string, mortal: Mortal): Target {
    const { clock } = mortal;
    const name = nameOf(service);
    const changing = <T>(act: () => T): (() => T) => {
      return () => {
        this.onChange(run);
        return act();
      };
    };
    const call = <T>(what: string, { signal }: Partial<Work>, act: () => T, refused?: T): Promise<T> =>
      this.call(mortal, { what, run, act, ...(refused !== undefined && { refused }), ...(signal && { signal }) });
    return {
      kind: "compose",
      inspect: (work) =>
        call("inspect", work, () => {
          const [state, container] = [this.state(service), this.containers.get(service)];
          return {
            config: configOf(this.workspace, service),
            ...(state && { state }),
            ...(container && { containerId: container.id }),
            logs: this.logs(service),
          };
        }),
      trial: ({ root }, work) =>
        call("trial", work, () => this.build(root, service, `orco-trial/${service}:${run}`), { ok: false, exit: 1, timedOut: false }),
      record: (work) => call("record", work, () => this.record(service, run, clock)),
      build: (work) =>
        call<BuildResult>(
          "build",
          work,
          changing(() => this.build(this.workspace, service, name)),
          { ok: false, exit: 1, timedOut: false },
        ),
      restart: (_, work) =>
        call(
          "restart",
          work,
          changing(() => this.replace(service, clock)),
        ),
      state: (signal) => call("state", { signal }, () => this.state(service)),
      logs: (signal) => call("logs", { signal }, () => this.logs(service)),
      restore: (before, how, work) =>
        call(
          "restore",
          work,
          changing(() => this.restore(service, before, { ...how, clock })),
        ),
      cleanUp: (work) => call("cleanUp", work, () => undefined),
      forget: (before, keepRollback) =>
        call("forget", {}, () => {
          this.untag(`orco-trial/${service}:${run}`);
          if (!keepRollback) this.untag(before?.rollbackTag ?? "");
        }),
    };
  }

  private lose(service: Service): void {
    const rollback = [...this.tags].filter(([name]) => name.startsWith(`orco-rollback/${service}:`));
    for (const [name, id] of rollback) {
      this.images.delete(id);
      this.tags.delete(name);
      this.lost.add(service);
    }
  }

  private untag(name: string): void {
    this.tags.delete(name);
  }

  private record(service: Service, run: string, clock: Clock): Before {
    const known = this.recorded.get(run);
    if (known) return known;
    const imageId = this.tags.get(nameOf(service));
    const rollbackTag = `orco-rollback/${service}:${run}`;
    if (imageId !== undefined) this.tags.set(rollbackTag, imageId);
    const container = this.containers.get(service);
    const before: Before = {
      ...(imageId !== undefined && { imageId, rollbackTag }),
      imageName: nameOf(service),
      ...(container && { containerId: container.id }),
      wasRunning: this.serves(service),
      health: this.serves(service) ? "none" : "not_running",
      others: [],
      at: new Date(clock.now()).toISOString(),
    };
    this.recorded.set(run, before);
    return before;
  }

  private restore(service: Service, { imageId }: Before, { restarted, clock }: { restarted: boolean; clock: Clock }): boolean {
    if (imageId === undefined) return false;
    const id = this.images.has(imageId) ? imageId : this.built(this.dockerfile(this.workspace, service));
    const moved = this.tags.get(nameOf(service)) !== id || this.containers.get(service)?.imageId !== id;
    this.tags.set(nameOf(service), id);
    if (restarted) this.replace(service, clock);
    return moved;
  }

  private replace(service: Service, clock: Clock): void {
    const imageId = this.tags.get(nameOf(service)) ?? "";
    const startedAt = new Date(clock.now()).toISOString();
    this.containers.set(service, { id: `c${this.made++}`, imageId, text: this.images.get(imageId) ?? "", startedAt });
  }

  private build(root: string, service: Service, tag: string): BuildResult {
    this.tags.set(tag, this.built(this.dockerfile(root, service)));
    return { ok: true, exit: 0, timedOut: false };
  }

  private built(text: string): string {
    const id = `sha256:${createHash("sha256").update(text).digest("hex")}`;
    this.images.set(id, text);
    return id;
  }

  private dockerfile(root: string, service: Service): string {
    const path = join(root, service, "Dockerfile");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  private state(service: Service): ContainerState | undefined {
    const container = this.containers.get(service);
    if (!container) return undefined;
    const { imageId, startedAt } = container;
    const common = { imageId, startedAt, finishedAt: "0001-01-01T00:00:00Z", oomKilled: false, error: "", restartCount: 0 };
    return this.serves(service) ? { ...common, status: "running", exitCode: 0 } : { ...common, status: "exited", exitCode: 1 };
  }

  private logs(service: Service): readonly string[] {
    return this.serves(service) ? ["listening"] : ["exec /start.sh: no such file or directory"];
  }
}

/** Its script has Windows line ends, which the catalogue knows a remedy for. */
export const BROKEN = 'FROM debian:bookworm-slim\nCOPY start.sh /start.sh\nRUN chmod 755 /start.sh\nCMD ["/start.sh"]\n';
export const SCRIPT = "#!/bin/sh\r\nexec sleep 1000\r\n";
export const SPOILT = "LABEL spoilt=1\n";

export function isWhole(text: string): boolean {
  return text.includes("RUN sed -i") && !text.includes(SPOILT);
}

export function configOf(workspace: string, service: Service): ServiceConfig {
  const build = { context: join(workspace, service), dockerfile: "Dockerfile", args: {} };
  return { image: nameOf(service), build, init: false, bindTargets: [], environment: {}, raw: {} };
}

function nameOf(service: Service): string {
  return `shop-${service}:latest`;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
}
