import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { Asked } from "../../src/repair/triggers/asked.ts";
import { ComposeWatch } from "../../src/repair/triggers/compose-watch.ts";
import type { Sighting } from "../../src/repair/triggers/crash-loops.ts";
import { removeContainer, startContainer } from "../../src/supervise/docker/containers.ts";
import type { Engine } from "../../src/supervise/docker/engine.ts";
import { IMAGE } from "../docker/engine.ts";

/** A compose project whose crash loops are to be repaired, as docker shows it: containers with its labels, and what watching them tells. */
export class ComposeWatchRig implements AsyncDisposable {
  readonly project = `orcowatch${crypto.randomUUID().slice(0, 6)}`;
  readonly sightings: Sighting[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), "orco-watch-"));
  private readonly ids: string[] = [];
  private readonly watches: ComposeWatch[] = [];

  constructor(private readonly engine: Engine) {
    writeFileSync(join(this.folder, "orco.repair.yaml"), "version: 1\nservices: { a: { repair: auto } }\n");
  }

  /** Started, with a shell command; `retries`: it is started again so many times at most, 0: always. The service `elsewhere` is of another folder. */
  async container(service: string, command: string, retries = 0): Promise<string> {
    const Labels = {
      "com.docker.compose.project": this.project,
      "com.docker.compose.service": service,
      "com.docker.compose.project.working_dir": service === "elsewhere" ? "/nowhere" : this.folder,
    };
    const RestartPolicy = { Name: retries > 0 ? "on-failure" : "always", MaximumRetryCount: retries };
    const body = { Image: IMAGE, Cmd: ["sh", "-c", command], Labels, HostConfig: { RestartPolicy } };
    const { Id } = await this.engine.call<{ Id: string }>("POST", "/containers/create", { body });
    this.ids.push(Id);
    await startContainer(this.engine, Id);
    return Id;
  }

  /** A new one, which has begun. */
  watch(): ComposeWatch {
    const clock = systemClock();
    const watch = new ComposeWatch({
      engine: this.engine,
      clock,
      workspaces: () => [this.folder],
      asked: new Asked(clock),
      saw: (sighting) => this.sightings.push(sighting),
      onError: (error) => this.sightings.push({ how: String(error) } as Sighting),
    });
    this.watches.push(watch);
    watch.start();
    return watch;
  }

  told(service: string): readonly Sighting[] {
    return this.sightings.filter((one) => one.service === service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.watches) watch.close();
    for (const id of this.ids) await removeContainer(this.engine, id);
    rmSync(this.folder, { recursive: true });
  }
}
