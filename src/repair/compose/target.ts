import { join } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";
import { inspectImage, tagImage } from "../../supervise/docker/images.ts";
import { removeAnalysisContainers } from "../copy/repair-label.ts";
import type { Before, BuildResult, Copy, Inspection, Target, Work } from "../target.ts";
import { type ComposeContainer, logsOf, newestContainer, otherContainers, settleHalfMade, stateOf } from "./containers.ts";
import { builtImage, rollbackImage, trialImage } from "./image-names.ts";
import { realPath } from "./inside.ts";
import { Recorded } from "./recorded.ts";
import { withReferences } from "./references.ts";
import { restoreService } from "./restore.ts";
import { type ComposeResult, endOrphans } from "./run.ts";
import { ComposeService, type ComposeServiceParts } from "./service.ts";
import { trialConfig } from "./trial.ts";
import type { ProjectTurns } from "./turns.ts";
import { removeImage } from "./untag.ts";

export interface ComposeTargetParts extends ComposeServiceParts {
  /** ORCO_HOME: what is noted of the time before lies below it. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Shared by all repairs of the daemon. */
  readonly turns: ProjectTurns;
}

/** A service of a compose project as what is repaired. */
export function composeTarget(parts: ComposeTargetParts): Target {
  return new ComposeTarget(parts);
}

class ComposeTarget implements Target {
  readonly kind = "compose";
  private readonly service: ComposeService;
  private readonly recorded: Recorded;

  constructor(private readonly parts: ComposeTargetParts) {
    this.service = new ComposeService(parts);
    this.recorded = new Recorded(join(parts.home, "repairs", parts.run, "compose"), parts.env);
  }

  async inspect({ signal }: Work): Promise<Inspection> {
    const { service } = await this.service.allowed(signal);
    const container = await this.container(signal);
    if (!container) return { config: service, logs: [] };
    const logs = await logsOf(this.parts.engine, container, { redactor: this.parts.redactor, signal });
    return { config: service, state: stateOf(container), containerId: container.Id, logs };
  }

  async trial({ root }: Copy, work: Work): Promise<BuildResult> {
    const { config } = await this.service.allowed(work.signal);
    const { project, service } = this.parts.ref;
    const image = trialImage(service, this.parts.run);
    const workspace = realPath(project.workspace);
    const trial = trialConfig(config, { service, workspace, root: realPath(root), image, real: realPath });
    // An image that others build: nothing of it can fail here.
    if (!trial) return { ok: true, exit: 0, timedOut: false };
    const { config: written, values } = withReferences(trial, this.parts.redactor.clean);
    const file = this.recorded.compose("trial.json", written);
    const place = { name: project.name, directory: root, files: [file], envFile: this.recorded.emptyEnvFile() };
    return builtBy(await this.service.build(work, { project: place, env: values }));
  }

  async record({ signal, onLine }: Work): Promise<Before> {
    const known = this.recorded.before();
    if (known) return known;
    const { engine, ref, run, compose, clock, redactor } = this.parts;
    const { config, service } = await this.service.allowed(signal);
    const container = await this.container(signal);
    const built = builtImage(this.service.name, service, compose.major);
    const imageName = container && !container.Config.Image.startsWith("sha256:") ? container.Config.Image : built;
    const imageId = container?.Image ?? (await this.imageId(imageName, signal));
    const others = await otherContainers(engine, this.service.name, { signal });
    const rollbackTag = imageId === undefined ? undefined : rollbackImage(ref.service, run);
    if (imageId !== undefined && rollbackTag !== undefined) await this.tag(imageId, rollbackTag, signal);
    this.recorded.keep(config, redactor.clean);
    onLine(
      `${imageId === undefined ? "there is no image yet" : `${imageId} serves, kept as ${rollbackTag}`}; ${others.all.length} other containers`,
    );
    return this.recorded.finish({
      ...(imageId !== undefined && { imageId }),
      ...(rollbackTag !== undefined && { rollbackTag }),
      imageName,
      ...(container && { containerId: container.Id, containerName: container.Name.slice(1) }),
      wasRunning: container?.State.Running ?? false,
      health: verdictOf(container),
      configFile: this.recorded.configFile,
      others: others.all,
      at: rfc3339(clock.now()),
    });
  }

  async build(work: Work): Promise<BuildResult> {
    await this.service.allowed(work.signal);
    return builtBy(await this.service.build(work));
  }

  restart(_before: Before, work: Work): Promise<void> {
    return this.parts.turns.take(this.service.name.project, work.signal, () => this.replace(work));
  }

  private async replace(work: Work): Promise<void> {
    const { engine, ref } = this.parts;
    await this.service.allowed(work.signal);
    const earlier = await otherContainers(engine, this.service.name, { signal: work.signal });
    const timeoutMs = ref.profile.restartTimeoutMs;
    const { ok, ended, lines } = await this.service.run(["up", "-d", "--no-deps", ref.service], work, { timeoutMs });
    const later = await otherContainers(engine, this.service.name, { signal: work.signal });
    const changed = earlier.project.filter((id) => !later.project.includes(id));
    const strangers = earlier.all.filter((id) => !later.all.includes(id) && !changed.includes(id));
    if (strangers.length > 0) work.onLine(`containers of other projects that went away by themselves meanwhile: ${strangers.length}`);
    if (changed.length > 0)
      throw new OrcoError(
        "start_failed",
        `other containers of ${ref.project.name} were replaced or removed meanwhile: ${changed.join(", ")}`,
        {
          changed,
        },
      );
    work.onLine(`other containers, all unchanged: ${earlier.all.length - strangers.length}`);
    if (ended === "timeout") throw new OrcoError("timeout", `${ref.service} was not started in time`, { log: lines });
    if (!ok)
      throw new OrcoError("start_failed", `${ref.service} could not be started: ${lines.at(-1) ?? "no reason was given"}`, { log: lines });
  }

  async state(signal: AbortSignal) {
    const container = await this.container(signal);
    return container && stateOf(container);
  }

  async logs(signal: AbortSignal): Promise<readonly string[]> {
    const container = await this.container(signal);
    if (!container) return [];
    return logsOf(this.parts.engine, container, { redactor: this.parts.redactor, sinceStart: true, signal });
  }

  restore(before: Before, how: { restarted: boolean; built: boolean }, work: Work): Promise<boolean> {
    const { service, recorded } = this;
    return this.parts.turns.take(service.name.project, work.signal, () => restoreService({ service, recorded, before }, how, work));
  }

  async cleanUp({ signal, onLine }: Work): Promise<void> {
    await endOrphans(this.parts.run, this.parts.clock);
    await removeAnalysisContainers(this.parts.engine, { run: this.parts.run, signal });
    for (const line of await settleHalfMade(this.parts.engine, this.service.name, { signal })) onLine(line);
  }

  async forget(before: Before | undefined, keepRollback: boolean): Promise<void> {
    const { engine, ref, run } = this.parts;
    // First: it may hold secrets, and docker may be away.
    if (!keepRollback) this.recorded.remove();
    await removeImage(engine, trialImage(ref.service, run));
    if (!keepRollback) await removeImage(engine, before?.rollbackTag ?? rollbackImage(ref.service, run));
  }

  private container(signal: AbortSignal): Promise<ComposeContainer | undefined> {
    return newestContainer(this.parts.engine, this.service.name, { signal });
  }

  private tag(id: string, name: string, signal: AbortSignal): Promise<void> {
    return tagImage(this.parts.engine, id, { name, signal });
  }

  private async imageId(name: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return (await inspectImage(this.parts.engine, name, { signal })).Id;
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return undefined;
      throw error;
    }
  }
}

function builtBy({ ok, ended, code }: ComposeResult): BuildResult {
  return { ok, timedOut: ended === "timeout", ...(ended === "exited" && code !== undefined && { exit: code }) };
}

function verdictOf(container: ComposeContainer | undefined): Before["health"] {
  if (container?.State.Running !== true) return "not_running";
  return stateOf(container).health?.status ?? "none";
}
