import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "./store.ts";

/** Where the pods' own files are, as the manifest says. */
const FILES = "/var/run/orco";
const PATH = "/usr/bin:/bin";
const MS = 1000;

export interface PodSpec {
  readonly terminationGracePeriodSeconds?: number;
  readonly containers: readonly [Container];
  readonly volumes?: readonly Volume[];
}

interface Container {
  readonly command?: readonly string[];
  readonly workingDir?: string;
  readonly env?: readonly EnvVar[];
}

interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

interface Volume {
  readonly secret?: { readonly secretName: string; readonly items: readonly { readonly key: string; readonly path: string }[] };
}

export type Terminated = { readonly exitCode: number; readonly reason?: string; readonly message?: string };

interface Events {
  readonly line: (text: string) => void;
  /** After its last line. */
  readonly ended: (state: Terminated) => void;
}

/** What a kubelet does with a container, done with processes of this machine. */
export class Processes {
  private readonly running = new Map<string, Bun.Subprocess>();
  private readonly folder = mkdtempSync(join(tmpdir(), "orco-kubelet-"));

  constructor(private readonly store: Store) {}

  start(pod: string, spec: PodSpec, events: Events): void {
    const [{ command = [], workingDir = "/", env = [] }] = spec.containers;
    const files = this.filesOf(pod, spec.volumes ?? []);
    const variables = Object.fromEntries(env.map((variable) => [variable.name, this.valueOf(variable).replace(FILES, files)]));
    const words = command.map(expanded);
    const options = {
      cwd: workingDir,
      env: { PATH, ...variables },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    } as const;
    try {
      const child = Bun.spawn(words, options);
      this.running.set(pod, child);
      void this.follow(pod, child, events);
    } catch {
      const message = `runc create failed: exec: "${words[0]}": executable file not found in $PATH`;
      events.ended({ exitCode: 128, reason: "StartError", message });
    }
  }

  /** SIGTERM, and SIGKILL after the grace. False: nothing of it runs. */
  stop(pod: string, graceSeconds: number): boolean {
    const child = this.running.get(pod);
    if (!child) return false;
    child.kill("SIGTERM");
    setTimeout(() => this.running.get(pod) === child && signal(child, "SIGKILL"), graceSeconds * MS);
    return true;
  }

  close(): void {
    for (const child of this.running.values()) signal(child, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async follow(pod: string, child: Bun.Subprocess<"ignore", "pipe", "pipe">, { line, ended }: Events): Promise<void> {
    const reading = Promise.all([linesOf(child.stdout, line), linesOf(child.stderr, line)]);
    await child.exited;
    // The first process of a container takes the others with it.
    signal(child, "SIGKILL");
    await reading;
    this.running.delete(pod);
    const { exitCode, signalCode } = child;
    const code = exitCode ?? 128 + (SIGNALS[signalCode ?? ""] ?? 0);
    ended({ exitCode: code, reason: code === 0 ? "Completed" : "Error" });
  }

  private filesOf(pod: string, volumes: readonly Volume[]): string {
    const folder = mkdtempSync(join(this.folder, `${pod.slice(-20)}-`));
    for (const { secret } of volumes)
      for (const { key, path } of secret?.items ?? []) writeFileSync(join(folder, path), this.secret(secret?.secretName ?? "", key));
    return folder;
  }

  private valueOf({ value, valueFrom }: EnvVar): string {
    return valueFrom ? this.secret(valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key) : expanded(value ?? "");
  }

  private secret(name: string, key: string): string {
    const data = this.store.get("secrets", name)?.["stringData"] as Record<string, string> | undefined;
    return data?.[key] ?? "";
  }
}

const SIGNALS: Readonly<Record<string, number>> = { SIGKILL: 9, SIGTERM: 15 };

/** Two dollars are one; variables in parentheses are not needed here. */
function expanded(text: string): string {
  return text.replaceAll("$$", () => "$");
}

/** To the whole of its session. */
function signal({ pid }: Bun.Subprocess, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function linesOf(stream: ReadableStream<Uint8Array>, line: (text: string) => void): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(line);
  }
  if (rest !== "") line(rest);
}
