import { join } from "node:path";
import type { PoolView } from "../../src/inference/pools/pool.ts";
import type { TaskView } from "../../src/inference/tasks/task.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { between, ChaosRig } from "./rig.ts";

const ENGINE = join(import.meta.dirname, "../programs/fake-engine.ts");

/** A mock engine that is killed and comes back on its port. */
export class KilledEngine {
  readonly port = freePort();
  private child: Bun.Subprocess<"pipe", "pipe", "inherit"> | undefined;

  constructor(private readonly settings: { readonly slots: number; readonly tokensPerS: number }) {}

  get slots(): number {
    return this.settings.slots;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async begin(): Promise<void> {
    this.child = Bun.spawn([process.execPath, ENGINE, JSON.stringify({ ...this.settings, port: this.port })], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    for await (const _ of this.child.stdout) return;
    throw new Error("the engine ended at its start");
  }

  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
  }

  async stats(): Promise<{ active: number; requests: number; canceled: number }> {
    return (await fetch(`${this.url}/stats`)).json() as Promise<{ active: number; requests: number; canceled: number }>;
  }
}

/** What the tests look at of the daemon's answers. */
export interface Answer extends TaskView {
  readonly predicted_start_ms: number;
  readonly pools: readonly Pick<PoolView, "queue_depth" | "slots_free" | "slots_total">[];
}

/** What one task's stream said. `last`: its terminal event; undefined when the connection was cut before. */
export interface Heard {
  readonly tokens: number;
  readonly last: string | undefined;
  readonly afterLast: number;
  readonly gapless: boolean;
}

/** A daemon that dies again and again, with engines that do as well. */
export class InferenceRig extends ChaosRig {
  readonly port = freePort();
  readonly engines: readonly KilledEngine[];

  constructor(engines: readonly { readonly slots: number; readonly tokensPerS: number }[], env: Readonly<Record<string, string>> = {}) {
    const port = freePort();
    super({ ORCHD_BIND_ADDR: `127.0.0.1:${port}`, ORCO_LOG_LEVEL: "warn", ...env });
    this.port = port;
    this.engines = engines.map((settings) => new KilledEngine(settings));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves with the pid of the daemon. */
  async beginAll(): Promise<number> {
    const [pid] = await Promise.all([this.begin(), ...this.engines.map((engine) => engine.begin())]);
    const replicas = this.engines.map(({ url, slots }, n) => ({ id: `r${n}`, url, slots }));
    await this.ask("/v2/pools", { method: "POST", body: { id: "chain", engine: "mock", models: ["chain"], replicas } });
    return pid;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.engines.map((engine) => engine.kill()));
    await super[Symbol.asyncDispose]();
  }

  async ask(path: string, { method = "GET", body }: { method?: string; body?: object } = {}): Promise<{ status: number; body: Answer }> {
    const response = await fetch(this.url + path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as Answer };
  }

  /** Reads a task's events until the stream ends or breaks. */
  async listen(id: string): Promise<Heard> {
    let text = "";
    try {
      const response = await fetch(`${this.url}/v2/tasks/${id}/events`, { headers: { accept: "text/event-stream" } });
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
    } catch {
      // The daemon was killed: what came before counts.
    }
    const names = [...text.matchAll(/^event: (\w+)$/gm)].map(([, name = ""]) => name);
    const seqs = [...text.matchAll(/^id: \d+-(\d+)$/gm)].map(([, seq]) => Number(seq));
    const at = names.findIndex((name) => name === "end" || name === "error");
    return {
      tokens: names.filter((name) => name === "token").length,
      last: at === -1 ? undefined : names[at],
      afterLast: at === -1 ? 0 : names.length - at - 1,
      gapless: seqs.every((seq, n) => n === 0 || seq === (seqs[n - 1] ?? 0) + 1),
    };
  }

  async until(what: string, condition: () => Promise<boolean>, ms = 20_000): Promise<void> {
    await until(what, () => condition().catch(() => false), ms);
  }
}

/** Does it again and again, with pauses, until it is told to stop. Resolves with how often. */
export async function again(signal: AbortSignal, pauseMs: readonly [number, number], act: () => Promise<void>): Promise<number> {
  let count = 0;
  while (!signal.aborted) {
    const end = performance.now() + between(...pauseMs);
    await until("time to pass", () => signal.aborted || performance.now() >= end, 60_000);
    if (signal.aborted) break;
    await act();
    count++;
  }
  return count;
}
