import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RepairRequest } from "../../src/client/repair.ts";
import type { StepName } from "../../src/repair/record.ts";
import type { RunDetail, RunSummary } from "../../src/repair/view.ts";
import { inspectContainer } from "../../src/supervise/docker/containers.ts";
import { removeImage } from "../../src/repair/compose/untag.ts";
import { until } from "../until.ts";
import type { Docker } from "./docker-rig.ts";
import type { Rig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const ENDED = new Set(["succeeded", "failed", "rolled_back", "rollback_failed", "rejected", "canceled"]);
const PATIENCE_MS = 60_000;

export const DOCKERFILE = `FROM busybox:local
COPY start.sh /start.sh
RUN chmod 755 /start.sh
ENTRYPOINT ["/start.sh"]
`;

/** Windows line ends: the kernel looks for `/bin/sh\r`. Found and mended without any network. */
export function crlf(...lines: readonly string[]): string {
  return ["#!/bin/sh", ...lines, "exec sleep 1000", ""].join("\r\n");
}

/** A stack with a service `api` that is built, in git. */
export class RepairedStack {
  private readonly runs = new Set<string>();

  constructor(
    private readonly rig: Rig,
    private readonly docker: Docker,
    readonly stack: StackUnderTest,
  ) {}

  async commit(): Promise<void> {
    const who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    for (const args of [
      ["init", "-q"],
      ["add", "-A"],
      [...who, "commit", "-q", "--allow-empty", "-m", "as it is"],
    ]) {
      const child = Bun.spawn(["git", ...args], {
        cwd: this.stack.dir,
        env: { PATH: process.env["PATH"] ?? "", HOME: this.stack.dir, GIT_CONFIG_NOSYSTEM: "1" },
        stderr: "pipe",
      });
      if ((await child.exited) !== 0) throw new Error(await child.stderr.text());
    }
  }

  read(path: string): string {
    return readFileSync(join(this.stack.dir, path), "utf8");
  }

  /** Every file byte for byte, git's own aside. */
  files(folder = ""): Record<string, string> {
    const found = readdirSync(join(this.stack.dir, folder), { withFileTypes: true }).flatMap((entry): (readonly [string, string])[] => {
      const path = join(folder, entry.name);
      if (path === ".git") return [];
      if (entry.isDirectory()) return Object.entries(this.files(path));
      const { mode } = statSync(join(this.stack.dir, path));
      return [[path, `${mode.toString(8)} ${createHash("sha256").update(this.read(path)).digest("hex")}`]];
    });
    return Object.fromEntries(found);
  }

  async image(service: string): Promise<string | undefined> {
    const { instances } = await this.stack.service(service);
    const container = instances[0]?.container;
    return container === undefined ? undefined : (await inspectContainer(this.docker.engine, container)).Image;
  }

  async repair(target: string, more: Partial<RepairRequest> = {}): Promise<{ readonly run_id: string }> {
    const run = await this.rig.client.repair.create({ target_service: target, instruction: "it does not start: mend it", ...more });
    this.runs.add(run.run_id);
    return run;
  }

  /** Where it stands when it has ended, or waits for an approval. */
  settled(id: string): Promise<RunDetail> {
    return this.standing(id, (status) => ENDED.has(status) || status === "awaiting_approval");
  }

  ended(id: string): Promise<RunDetail> {
    return this.standing(id, (status) => ENDED.has(status));
  }

  /** Repairs of the service, newest first. */
  async runsOf(service: string): Promise<readonly RunSummary[]> {
    const { runs } = await this.rig.client.repair.list({ service: `${this.stack.name}/${service}` });
    for (const { run_id: id } of runs) this.runs.add(id);
    return runs;
  }

  async step(id: string, name: StepName): Promise<RunDetail["steps"][number]> {
    const found = (await this.rig.client.repair.get(id)).steps.find((one) => one.name === name);
    if (!found) throw new Error(`repair ${id} has no step ${name}`);
    return found;
  }

  /** Names that a repair has given to images. */
  async tagsOf(id: string): Promise<readonly string[]> {
    return (await this.tags()).filter((tag) => tag.endsWith(`:${id}`));
  }

  /** All images that are named after the stack or its repairs. When the daemon is gone, with its containers. */
  async clean(): Promise<void> {
    const mine = (await this.tags()).filter((tag) => tag.startsWith(`${this.stack.name}-`) || this.runs.has(tag.split(":").at(-1) ?? ""));
    for (const tag of mine) await removeImage(this.docker.engine, tag);
  }

  private async tags(): Promise<readonly string[]> {
    const rows = await this.docker.engine.call<{ RepoTags: string[] | null }[]>("GET", "/images/json");
    return rows.flatMap(({ RepoTags }) => RepoTags ?? []);
  }

  private async standing(id: string, isIt: (status: string) => boolean): Promise<RunDetail> {
    let last: RunDetail | undefined;
    await until(
      `repair ${id} to settle`,
      async () => {
        last = await this.rig.client.repair.get(id);
        return isIt(last.status);
      },
      PATIENCE_MS,
    );
    return last as RunDetail;
  }
}
