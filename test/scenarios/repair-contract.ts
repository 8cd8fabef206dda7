import { expect } from "bun:test";
import { join } from "node:path";
import type { RunDetail } from "../../src/repair/view.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { type RepairRig, repairRig } from "./repair-rig.ts";
import { type Ask, type Fields, type Reply, RunsRig } from "./runs-rig.ts";
import type { Stream } from "./sse-reader.ts";

const RUNS = "/orchestrator/runs";
const DOCKERFILE = `FROM busybox:local
COPY start.sh /start.sh
RUN chmod 755 /start.sh
CMD ["/start.sh"]
`;
/** Every answer is checked, which takes longer than the look of it. */
const LOOK_MS = 20;
const ENDED: readonly string[] = ["succeeded", "failed", "rolled_back", "rollback_failed", "rejected", "canceled"];

/** How a service of a test is set up; all is broken in the same way, and mended without any network. */
export interface Broken {
  /** Of its entry in the compose file, beside `build` and `init`. */
  readonly compose?: string;
  /** What its entrypoint does when it is mended, instead of sleeping. */
  readonly script?: string;
  /** Unix line ends: nothing is wrong with it. */
  readonly isWhole?: boolean;
  readonly dockerfile?: string;
}

/** A daemon over TCP and a compose project, held to repair.md from outside: every answer is as the daemon's own document says. */
export class Contract {
  /** Only asks: its requests go to the daemon of `rig`. */
  private readonly wire = new RunsRig();

  constructor(
    readonly rig: RepairRig,
    url: string,
  ) {
    this.wire.url = url;
  }

  get url(): string {
    return this.wire.url;
  }

  /** Writes the project, with its policy; not committed, not started. */
  project(services: Readonly<Record<string, Broken>>, policy = ""): void {
    const entries = Object.entries(services);
    const body = entries.map(([name, { compose = "" }]) => `  ${name}: {build: ./${name}, init: true${compose && `, ${compose}`}}\n`);
    this.rig.write("compose.yaml", `services:\n${body.join("")}`);
    for (const [name, service] of entries) this.service(name, service);
    const settled = entries.filter(([name]) => !policy.includes(`  ${name}:`)).map(([name]) => `  ${name}: {settle: 200ms}\n`);
    this.rig.write("orco.repair.yaml", `version: 1\n${policy.includes("services:") ? policy : `${policy}services:\n`}${settled.join("")}`);
  }

  service(name: string, { script = "exec sleep 1000", isWhole = false, dockerfile = DOCKERFILE }: Broken = {}): void {
    const end = isWhole ? "\n" : "\r\n";
    this.rig.write(`${name}/Dockerfile`, dockerfile);
    this.rig.write(`${name}/start.sh`, ["#!/bin/sh", ...script.split("\n"), ""].join(end));
  }

  /** Answers are held against the daemon's document, which is read with the first of them: several at a time come later. */
  async begin(): Promise<void> {
    await this.rig.begin();
    await this.ask("/health");
  }

  ask(path: string, ask: Ask = {}): Promise<Reply> {
    return this.wire.ask(path, ask);
  }

  post(path: string, json: unknown = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.wire.ask(path, { method: "POST", json, headers });
  }

  /** `POST /orchestrator/runs`. */
  create(service: string, more: Fields = {}, headers: Record<string, string> = {}): Promise<Reply> {
    return this.post(RUNS, { instruction: `mend ${service}`, target_service: service, ...more }, headers);
  }

  /** The id of an admitted one. */
  async admitted(service: string, more: Fields = {}): Promise<string> {
    const { status, body, text } = await this.create(service, more);
    if (status !== 202) throw new Error(`${status} ${text}`);
    return String(body["run_id"]);
  }

  async detail(id: string): Promise<RunDetail> {
    const { status, body, text } = await this.ask(`${RUNS}/${id}`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    const detail = body as unknown as RunDetail;
    if (detail.error) expect(Object.keys(detail.error).toSorted()).toEqual(["code", "message"]);
    return detail;
  }

  when(id: string, what: string, isIt: (detail: RunDetail) => boolean): Promise<RunDetail> {
    let last: RunDetail | undefined;
    const look = async (): Promise<RunDetail | undefined> => {
      last = await this.detail(id);
      if (isIt(last)) return last;
      await Bun.sleep(LOOK_MS);
      return undefined;
    };
    return until(`repair ${id}: ${what}`, look, 60_000).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is ${JSON.stringify(last)}`);
    });
  }

  ended(id: string): Promise<RunDetail> {
    return this.when(id, "its end", ({ status }) => ENDED.includes(status));
  }

  waiting(id: string): Promise<RunDetail> {
    return this.when(id, "an approval", ({ status }) => status === "awaiting_approval" || ENDED.includes(status));
  }

  inStep(id: string, step: string): Promise<RunDetail> {
    return this.when(id, `in ${step}`, ({ steps }) => steps.some(({ name, status }) => name === step && status === "in_progress"));
  }

  async through(service: string, more: Fields = {}): Promise<RunDetail> {
    return this.ended(await this.admitted(service, more));
  }

  async artifact(id: string, name: string): Promise<string> {
    const response = await fetch(`${this.url}${RUNS}/${id}/artifacts/${name}`);
    if (response.status !== 200) throw new Error(`${name}: ${response.status} ${await response.text()}`);
    return response.text();
  }

  decide(id: string, body: Fields): Promise<Reply> {
    return this.post(`${RUNS}/${id}/approvals`, { approver: { id: "bob" }, decision: "approve", ...body });
  }

  retry(id: string, body: Fields = {}): Promise<Reply> {
    return this.post(`${RUNS}/${id}/retry`, body);
  }

  cancel(id: string): Promise<Reply> {
    return this.ask(`${RUNS}/${id}`, { method: "DELETE" });
  }

  events(path: string, headers: Record<string, string> = {}): Promise<Stream> {
    return this.wire.events(path, headers);
  }

  /** Tags of images that hold the text, `orco-trial` and `orco-rollback` among them. */
  async tags(part: string): Promise<readonly string[]> {
    const rows = await this.rig.engine.call<{ RepoTags: string[] | null; Id: string }[]>("GET", "/images/json");
    return rows
      .flatMap(({ RepoTags, Id }) => (RepoTags ?? []).map((tag) => `${tag} ${Id}`))
      .filter((tag) => tag.includes(part))
      .toSorted();
  }

  async close(): Promise<void> {
    await this.rig.clean();
    await this.rig.close();
    await this.wire.close();
  }
}

/** Undefined, with a line that says why, where there is no docker. The daemon is not yet started. */
export async function contract(env: Readonly<Record<string, string>> = {}): Promise<Contract | undefined> {
  const address = `127.0.0.1:${freePort()}`;
  const rig = await repairRig({ ORCHD_BIND_ADDR: address, ...env });
  return rig && new Contract(rig, `http://${address}`);
}

/** What a step came to, by its name. */
export function stepsOf({ steps }: RunDetail): Record<string, string> {
  return Object.fromEntries(steps.map(({ name, status }) => [name, status]));
}

/** A plan of an operator that writes a file's new text. */
export function planOf(path: string, before: string, after: string): Fields {
  const [old, made] = [before, after].map((text) => text.split("\n").slice(0, -1));
  const lines = [...(old ?? []).map((line) => `-${line}`), ...(made ?? []).map((line) => `+${line}`)];
  const head = `diff --git a/${path} b/${path}\n--- a/${path}\n+++ b/${path}\n@@ -1,${old?.length} +1,${made?.length} @@\n`;
  const steps = ["build", "restart", "verify"].map((name) => ({ name, parameters: {} }));
  return { steps: [{ name: "patch", parameters: { diff: `${head}${lines.join("\n")}\n` } }, ...steps] };
}

export function pathIn({ rig }: Contract, path: string): string {
  return join(rig.workspace, path);
}
