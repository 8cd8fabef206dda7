import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import type { PlanStep } from "../plan.ts";
import type { StepExecution, StepOutput } from "../ports.ts";
import { KubeRunner } from "./runner.ts";

const PROGRAM = new URL("../../../test/programs/kube-api.ts", import.meta.url).pathname;

/** What a step said, in order. */
export class Heard implements StepOutput {
  readonly checkpoints: { data?: Json; consumed?: number }[] = [];
  readonly outputs: JsonObject[] = [];
  readonly said: string[] = [];
  readonly lines: string[] = [];
  /** Called before a checkpoint is taken. */
  refuse: (() => void) | undefined;

  async checkpoint(checkpoint: { data?: Json; consumed?: number }): Promise<void> {
    this.refuse?.();
    this.checkpoints.push(checkpoint);
  }

  async output(data: JsonObject): Promise<void> {
    this.outputs.push(data);
  }

  progress({ message }: { message?: string }): void {
    if (message !== undefined) this.said.push(message);
  }

  log({ message, source }: { message: string; source: string }): void {
    if (source === "stdout") this.lines.push(message);
  }

  heartbeat(): void {}
}

export function step(command: readonly string[], more: Partial<PlanStep> = {}): PlanStep {
  const retry = { max: 0, backoff: { min_ms: 1, max_ms: 1, factor: 2 } };
  return { id: "build", needs: [], when: "success", command, env: {}, grace_ms: 1000, retry, ...more };
}

export function execution(spec: PlanStep, more: Partial<StepExecution> = {}): StepExecution {
  const api = { url: "http://127.0.0.1:1", token: "run-token" };
  return {
    run: crypto.randomUUID(),
    step: spec.id,
    spec,
    attempt: 1,
    input: { who: "world" },
    execution: crypto.randomUUID(),
    consumed: 0,
    api,
    ...more,
  };
}

/** A home of its own and a runner in it. */
export class KubeRig implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), "orco-k8s-"));
  private readonly runners: KubeRunner[] = [];

  constructor(
    private readonly kubeconfig: string | undefined,
    private readonly image = "fake:1",
  ) {}

  /** A daemon's runner; the next one is that of the daemon after it. */
  runner(): KubeRunner {
    const env = { PATH: process.env["PATH"], HOME: this.home, ...(this.kubeconfig && { KUBECONFIG: this.kubeconfig }) };
    const runner = new KubeRunner({ env, namespace: "default", image: this.image, home: this.home, clock: systemClock() });
    this.runners.push(runner);
    return runner;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const runner of this.runners) runner.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

export class FakeApi implements AsyncDisposable {
  private constructor(
    private readonly child: Bun.Subprocess,
    readonly port: number,
  ) {}

  /** `processes`: what pods are to run is carried out on this machine. */
  static async start(port = 0, { processes = false }: { processes?: boolean } = {}): Promise<FakeApi> {
    const argv = [process.execPath, PROGRAM, "--port", String(port), ...(processes ? ["--processes"] : [])];
    const child = Bun.spawn(argv, { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
    for await (const chunk of child.stdout) {
      const listening = /listening on (\d+)/.exec(new TextDecoder().decode(chunk));
      if (listening) return new FakeApi(child, Number(listening[1]));
    }
    throw new Error("the fake API server did not start");
  }

  kubeconfig(home: string): string {
    const path = join(home, "kubeconfig");
    const cluster = { name: "c", cluster: { server: `http://127.0.0.1:${this.port}` } };
    const context = { name: "x", context: { cluster: "c", user: "u" } };
    writeFileSync(
      path,
      JSON.stringify({ clusters: [cluster], users: [{ name: "u", user: { token: "t" } }], contexts: [context], "current-context": "x" }),
    );
    return path;
  }

  async tell(what: "fault" | "heal" | "gone" | "cut" | "pod", body: JsonObject = {}): Promise<void> {
    await fetch(`http://127.0.0.1:${this.port}/_/${what}`, { method: "POST", body: JSON.stringify(body) });
  }

  async seen(part: string): Promise<string[]> {
    const response = await fetch(`http://127.0.0.1:${this.port}/_/seen`);
    return ((await response.json()) as { requests: string[] }).requests.filter((request) => request.includes(part));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
  }
}
