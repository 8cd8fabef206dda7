import type { Subprocess } from "bun";
import { openSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE_MS } from "../peers/peer.ts";
import { cpuMs } from "../peers/proc.ts";

export const PROGRAMS = join(import.meta.dir, "../programs");

interface Started {
  readonly env?: Readonly<Record<string, string>>;
  /** Where its output goes; without one it is read here. */
  readonly log?: string;
}

/** A program that runs until it is closed. */
export class Program implements AsyncDisposable {
  private readonly child: Subprocess<"ignore", "pipe" | number, number | "inherit">;

  constructor(
    readonly argv: readonly string[],
    { env, log }: Started = {},
  ) {
    const file = log === undefined ? undefined : openSync(log, "a");
    this.child = Bun.spawn([...argv], {
      stdin: "ignore",
      stdout: file ?? "pipe",
      stderr: file ?? "inherit",
      ...(env && { env }),
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  /** What it prints until it first ends a line. Throws when it ends before. */
  async line(): Promise<string> {
    let text = "";
    const { stdout } = this.child;
    if (!(stdout instanceof ReadableStream)) throw new Error("its output goes to a file");
    for await (const chunk of stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes("\n")) return text.trim();
    }
    throw new Error(`${this.argv.join(" ")} ended: ${await this.child.exited}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    const late = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.child.exited;
    clearTimeout(late);
  }
}

/** Asks until it answers with a status below 500. */
export async function answers(url: string, patienceMs = PATIENCE_MS): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    const status = await fetch(url).then(
      (answer) => answer.status,
      () => 599,
    );
    if (status < 500) return;
    if (performance.now() > until) throw new Error(`${url} did not answer within ${patienceMs} ms (${status})`);
    await Bun.sleep(20);
  }
}

export function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}
