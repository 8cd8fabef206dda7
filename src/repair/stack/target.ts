import { join, relative } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";
import { buildDigest } from "../../supervise/docker/build-context.ts";
import { builtImage } from "../../supervise/docker/build.ts";
import { inspectContainer } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { imagesLabelled, inspectImage, tagImage } from "../../supervise/docker/images.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import { rollbackImage, trialImage } from "../compose/image-names.ts";
import { isBelow, realPath } from "../compose/inside.ts";
import { Recorded } from "../compose/recorded.ts";
import { removeImage } from "../compose/untag.ts";
import { removeAnalysisContainers } from "../copy/repair-label.ts";
import type { ContainerState } from "../finding.ts";
import type { ServiceRef } from "../project.ts";
import type { Before, BuildResult, Copy, Inspection, Target, Work } from "../target.ts";
import { changedOthers } from "./others.ts";
import type { StackBuild, StackInstance, StackName, StackPort, StackService } from "./port.ts";
import { buildOf, configOf } from "./project.ts";
import { isKept, stateOf } from "./state.ts";

export interface StackTargetParts {
  readonly ref: ServiceRef;
  /** Id of the repair. */
  readonly run: string;
  readonly stacks: StackPort;
  readonly engine: Engine;
  readonly redactor: Redactor;
  readonly clock: Clock;
  /** ORCO_HOME. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A service of a stack as what is repaired: images are built as the supervisor builds them, and instances replaced by an update of the stack. */
export function stackTarget(parts: StackTargetParts): Target {
  return new StackTarget(parts);
}

/** What of the time before is needed to go back there. */
interface Former {
  readonly digest: string;
  readonly version: string;
  readonly wanted: "run" | "stop";
}

class StackTarget implements Target {
  readonly kind = "stack";
  private readonly recorded: Recorded;
  private readonly name: StackName;
  private lastExit: Required<Pick<StackInstance, "version" | "exit">> | undefined;

  constructor(private readonly parts: StackTargetParts) {
    const { ref, home, run, env } = parts;
    this.name = { stack: ref.project.name, service: ref.service };
    this.recorded = new Recorded(join(home, "repairs", run, "stack"), env);
  }

  async inspect({ signal }: Work): Promise<Inspection> {
    const config = configOf(this.found());
    const instance = this.instance();
    if (!instance) return { config, logs: [] };
    const { container } = instance;
    const logs = await this.parts.stacks.logs(this.name, signal);
    const state = await this.stateOf(instance, signal);
    return { config, state, ...(container !== undefined && { containerId: container }), logs };
  }

  trial({ root }: Copy, work: Work): Promise<BuildResult> {
    const build = buildOf(this.found());
    const { project, service } = this.parts.ref;
    const moved = (path: string): string => {
      const real = realPath(path);
      return isBelow(real, project.workspace) ? join(root, relative(project.workspace, real)) : path;
    };
    const { dockerfile } = build;
    const copied = {
      ...build,
      context: moved(build.context),
      ...(dockerfile !== undefined && { dockerfile: dockerfile.startsWith("/") ? moved(dockerfile) : dockerfile }),
    };
    return this.built(copied, { image: trialImage(service, this.parts.run), work });
  }

  async record({ signal, onLine }: Work): Promise<Before> {
    const known = this.recorded.before();
    if (known) return known;
    const { ref, run, clock, redactor, stacks } = this.parts;
    const found = this.found();
    const instance = this.instance();
    const { digest } = buildOf(found);
    const state = instance && (await this.stateOf(instance, signal));
    const imageId = state?.imageId ?? (await this.imageOf(digest, signal));
    const rollbackTag = imageId === undefined ? undefined : rollbackImage(ref.service, run);
    if (imageId !== undefined && rollbackTag !== undefined) await this.tag(imageId, rollbackTag, signal);
    const wanted = instance?.wanted ?? "run";
    this.recorded.keep({ digest, wanted, version: instance?.version ?? "" } satisfies Former, redactor.clean);
    const others = stacks.others(this.name).flatMap(({ container }) => container ?? []);
    onLine(`${imageId === undefined ? "there is no image yet" : `${imageId} serves, kept as ${rollbackTag}`}; ${others.length} others`);
    return this.recorded.finish({
      ...(imageId !== undefined && { imageId }),
      ...(rollbackTag !== undefined && { rollbackTag }),
      imageName: found.imageName,
      ...(instance?.container !== undefined && { containerId: instance.container }),
      wasRunning: instance !== undefined && isKept(instance),
      health: state?.status === "running" ? (state.health?.status ?? "none") : "not_running",
      configFile: this.recorded.configFile,
      others,
      at: rfc3339(clock.now()),
    });
  }

  build(work: Work): Promise<BuildResult> {
    const found = this.found();
    return this.built(buildOf(found), { image: found.imageName, work });
  }

  async restart(before: Before, work: Work): Promise<void> {
    const { stacks } = this.parts;
    const build = buildOf(this.found());
    const digest = await buildDigest(build);
    const earlier = stacks.others(this.name);
    this.recorded.bring(digest);
    await this.rebuild({ digest, way: "on", wasWell: wasWell(before), wanted: "run" }, work);
    const { byThemselves, changed } = changedOthers(earlier, stacks.others(this.name));
    if (byThemselves.length > 0) work.onLine(`meanwhile ${byThemselves.join(", ")} were started anew by their own policy`);
    if (changed.length > 0)
      throw new OrcoError(
        "start_failed",
        `other instances of ${this.name.stack} were replaced or removed meanwhile: ${changed.join(", ")}`,
        {
          changed,
        },
      );
    work.onLine(`other instances, all unchanged: ${earlier.length - byThemselves.length}`);
  }

  async state(signal: AbortSignal): Promise<ContainerState | undefined> {
    const instance = this.instance();
    return instance && this.stateOf(instance, signal);
  }

  async logs(signal: AbortSignal): Promise<readonly string[]> {
    const instance = this.instance()?.instance;
    return instance === undefined ? [] : this.parts.stacks.logs({ ...this.name, instance }, signal);
  }

  /** The update is the stack's own, to the digest of before: its image is found by that, or built again from the files, which are restored. */
  async restore(before: Before, { restarted, built }: { restarted: boolean; built: boolean }, work: Work): Promise<boolean> {
    if (!built && !restarted) return false;
    const { digest, wanted } = this.recorded.config() as unknown as Former;
    this.refuseNewer(digest);
    if (before.imageName !== undefined) await this.nameAgain(before, before.imageName, work);
    if (restarted) await this.rebuild({ digest, way: "back", wasWell: wasWell(before), wanted }, work);
    return true;
  }

  isGone(signal: AbortSignal): Promise<boolean> {
    return this.parts.stacks.isGone(this.name, signal);
  }

  async cleanUp({ signal }: Work): Promise<void> {
    const { stacks, engine, run } = this.parts;
    await stacks.cancelLeft(run);
    await removeAnalysisContainers(engine, { run, signal });
  }

  async forget(before: Before | undefined, keepRollback: boolean): Promise<void> {
    const { engine, ref, run } = this.parts;
    if (!keepRollback) this.recorded.remove();
    await removeImage(engine, trialImage(ref.service, run));
    if (!keepRollback) await removeImage(engine, before?.rollbackTag ?? rollbackImage(ref.service, run));
  }

  /** Of people who apply their own build meanwhile nothing is taken back, as of those who edit files. */
  private refuseNewer(former: string): void {
    const brought = this.recorded.brought();
    const { digest } = buildOf(this.found());
    if (brought === undefined || digest === brought || digest === former) return;
    const { stack, service } = this.name;
    throw new OrcoError("conflict", `another build of ${stack}/${service} was applied meanwhile, and stays: look whether it serves`, {
      digest,
    });
  }

  private rebuild(how: Pick<Former, "digest" | "wanted"> & { way: "on" | "back"; wasWell: boolean }, work: Work): Promise<void> {
    const { stacks, run, ref } = this.parts;
    const timeoutMs = ref.profile.restartTimeoutMs + this.found().updateMs;
    return stacks.rebuild({ ...this.name, ...how, repair: run, timeoutMs }, work);
  }

  private async built(build: Omit<StackBuild, "digest">, { image, work }: { image: string; work: Work }): Promise<BuildResult> {
    const { engine, clock, env, ref } = this.parts;
    const late = new AbortController();
    const cancel = clock.after(ref.profile.buildTimeoutMs, () => late.abort());
    const { onLine } = work;
    const signal = AbortSignal.any([work.signal, late.signal]);
    try {
      const tell: Parameters<typeof builtImage>[2]["tell"] = (say) => say({ note: (_, line) => onLine(line) });
      await builtImage(engine, { image, build: { ...build, digest: "" }, service: ref.service }, { tell, signal, clock, env });
      return { ok: true, exit: 0, timedOut: false };
    } catch (error) {
      work.signal.throwIfAborted();
      if (late.signal.aborted) return { ok: false, timedOut: true };
      if (!(error instanceof OrcoError) || error.code !== "build_failed") throw asAway(error);
      return { ok: false, timedOut: false };
    } finally {
      cancel();
    }
  }

  private async nameAgain({ imageId, rollbackTag }: Before, name: string, { signal, onLine }: Work): Promise<void> {
    for (const one of [imageId, rollbackTag]) {
      const id = one === undefined ? undefined : await this.idOf(one, signal);
      if (id === undefined) continue;
      await this.tag(id, name, signal);
      onLine(`${name} is ${id} again`);
      return;
    }
  }

  private async stateOf(instance: StackInstance, signal: AbortSignal): Promise<ContainerState> {
    const { version, exit } = instance;
    if (exit) this.lastExit = { version, exit };
    // Between its starts a supervisor does not keep how the one before ended.
    const known = exit ?? (this.lastExit?.version === version ? this.lastExit.exit : undefined);
    return stateOf({ ...instance, ...(known && { exit: known }) }, await this.runningImage(instance, signal));
  }

  /** Where its container is gone already: of the build that it was started with, as far as that is known. */
  private async runningImage({ container }: StackInstance, signal: AbortSignal): Promise<string | undefined> {
    if (container === undefined) return undefined;
    return absentWhere(inspectContainer(this.parts.engine, container, { signal }).then(({ Image }) => Image));
  }

  /** By the label of what it was built from. */
  private async imageOf(digest: string, signal: AbortSignal): Promise<string | undefined> {
    return (await imagesLabelled(this.parts.engine, `orco.build=${digest}`, { signal }))[0];
  }

  private idOf(name: string, signal: AbortSignal): Promise<string | undefined> {
    return absentWhere(inspectImage(this.parts.engine, name, { signal }).then(({ Id }) => Id));
  }

  private tag(id: string, name: string, signal: AbortSignal): Promise<void> {
    return tagImage(this.parts.engine, id, { name, signal });
  }

  private instance(): StackInstance | undefined {
    return this.parts.stacks.newest(this.name);
  }

  private found(): StackService {
    const found = this.parts.stacks.find(this.name);
    if (found) return found;
    const { stack, service } = this.name;
    throw new OrcoError("unknown_service", `${stack}/${service} is not up any more; orco up starts it`, { services: [] });
  }
}

function wasWell({ health, wasRunning }: Before): boolean {
  return health === "healthy" || (health === "none" && wasRunning);
}

async function absentWhere<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return undefined;
    throw error;
  }
}

function asAway(error: unknown): unknown {
  if (!(error instanceof OrcoError) || error.code !== "engine_away") return error;
  return new OrcoError("docker_unavailable", messageOf(error), error.facts, { cause: error });
}
