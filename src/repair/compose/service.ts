import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import type { ServiceConfig, ServiceRef } from "../project.ts";
import type { Work } from "../target.ts";
import { assertAllowed } from "./admit.ts";
import type { ServiceName } from "./containers.ts";
import { composeFiles } from "./files.ts";
import { renderCompose, sectionOf } from "./render.ts";
import { type ComposeCommand, type ComposeProject, type ComposeResult, howItEnded, runCompose } from "./run.ts";
import { serviceConfig } from "./service-config.ts";

export interface ComposeServiceParts {
  readonly ref: ServiceRef;
  /** Id of the repair. */
  readonly run: string;
  readonly compose: ComposeCommand;
  readonly engine: Engine;
  readonly redactor: Redactor;
  readonly clock: Clock;
}

interface Call {
  readonly project?: ComposeProject;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** A service of a compose project, spoken to with compose. */
export class ComposeService {
  readonly name: ServiceName;

  constructor(readonly parts: ComposeServiceParts) {
    const { project, service } = parts.ref;
    this.name = { project: project.name, service };
  }

  /** The operator's own files, as compose finds them now. Throws `compose_invalid`. */
  place(): ComposeProject {
    const { project, profile } = this.parts.ref;
    const { directory, files, envFile } = composeFiles(project.workspace, profile.composeFile);
    return { name: project.name, directory, files, ...(envFile !== undefined && { envFile }) };
  }

  /** The whole rendered file. */
  render(signal?: AbortSignal): Promise<JsonObject> {
    const { compose, run, clock, redactor } = this.parts;
    return renderCompose(compose, this.place(), { run, clock, redactor, ...(signal && { signal }) });
  }

  /** The whole rendered file, and the service in it, which asks for nothing that the policy forbids. Throws `compose_refused` too. */
  async allowed(signal?: AbortSignal): Promise<{ readonly config: JsonObject; readonly service: ServiceConfig }> {
    const config = await this.render(signal);
    assertAllowed(config, { ref: this.parts.ref, files: this.place().files, host: this.parts.engine.host });
    return { config, service: this.of(config) };
  }

  of(config: JsonObject): ServiceConfig {
    const raw = sectionOf(config, "services").get(this.name.service);
    if (raw) return serviceConfig(raw);
    const file = this.parts.ref.project.composeFile;
    throw new OrcoError("compose_invalid", `there is no service ${this.name.service} in ${file} any more`, { file });
  }

  /** Throws `docker_unavailable` where docker went away meanwhile, the signal's reason when that aborts. */
  async run(args: readonly string[], { signal, onLine }: Work, call: Call): Promise<ComposeResult> {
    const { compose, run, clock, redactor } = this.parts;
    const about = { project: this.place(), run, clock, redactor, signal, onLine, args, ...call };
    onLine(`$ ${[...compose.argv, "--project-name", this.name.project, ...args].join(" ")}`);
    const result = await runCompose(compose, about);
    if (!result.ok) {
      onLine(`${compose.argv.join(" ")} ${args[0]} ${howItEnded(result, call.timeoutMs)}`);
      await this.assertDocker();
    }
    return result;
  }

  /**
   * The first kind of compose leaves the container of a step that failed, unless it is told not to; and it hands build arguments to docker's command on
   * its command line, where everybody reads them, unless it is told to speak to docker itself. BuildKit, where the operator wants that, needs the command.
   */
  build(work: Work, files: Omit<Call, "timeoutMs"> = {}): Promise<ComposeResult> {
    const { compose, ref } = this.parts;
    const timeoutMs = ref.profile.buildTimeoutMs;
    if (compose.major > 1) return this.run(["build", ref.service], work, { ...files, timeoutMs });
    const env = { ...files.env, ...(compose.env["DOCKER_BUILDKIT"] !== "1" && { COMPOSE_DOCKER_CLI_BUILD: "0" }) };
    return this.run(["build", "--force-rm", ref.service], work, { ...files, env, timeoutMs });
  }

  private async assertDocker(): Promise<void> {
    try {
      await this.parts.engine.ping({ timeoutMs: 10_000 });
    } catch (error) {
      throw new OrcoError("docker_unavailable", messageOf(error), { host: this.parts.engine.host }, { cause: error });
    }
  }
}
