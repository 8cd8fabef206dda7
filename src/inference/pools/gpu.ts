import type { Clock } from "../../kernel/clock.ts";
import { runCommand } from "../../supervise/command.ts";

/** One GPU as `nvidia-smi` tells of it. */
export interface GpuFacts {
  readonly index: number;
  readonly name: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

interface GpusOptions {
  readonly clock: Clock;
  /** Where `nvidia-smi` is looked for: PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const QUERY = ["nvidia-smi", "--query-gpu=index,name,memory.total,memory.free", "--format=csv,noheader,nounits"];
const FRESH_MS = 10_000;
/** A machine without GPUs seldom gets one. */
const ABSENT_MS = 60_000;
const TIMEOUT_MS = 2000;
const MAX_OUTPUT_BYTES = 64 * 1024;
const MAX_GPUS = 64;
const MIB = 1024 * 1024;

/** The GPUs of this machine. Asked at most every 10 s, however many want to know; none while `nvidia-smi` is absent, fails, or hangs. */
export class Gpus {
  private last: Promise<readonly GpuFacts[]> = Promise.resolve([]);
  private freshUntil = -Infinity;

  constructor(private readonly options: GpusOptions) {}

  /** By index. Never rejects. */
  look(): Promise<readonly GpuFacts[]> {
    const now = this.options.clock.monotonic();
    if (now < this.freshUntil) return this.last;
    // Until it has answered nobody asks again.
    this.freshUntil = now + TIMEOUT_MS + FRESH_MS;
    this.last = this.ask();
    return this.last;
  }

  private async ask(): Promise<readonly GpuFacts[]> {
    const found = await askNvidia(this.options).catch(() => []);
    this.freshUntil = this.options.clock.monotonic() + (found.length > 0 ? FRESH_MS : ABSENT_MS);
    return found;
  }
}

async function askNvidia({ clock, env }: GpusOptions): Promise<readonly GpuFacts[]> {
  const decoder = new TextDecoder();
  let text = "";
  const result = await runCommand({
    argv: QUERY,
    cwd: "/",
    env: { PATH: env["PATH"] ?? "/usr/bin:/bin" },
    timeoutMs: TIMEOUT_MS,
    clock,
    onOutput: (chunk, stream) => {
      if (stream === "stdout" && text.length < MAX_OUTPUT_BYTES) text += decoder.decode(chunk, { stream: true });
    },
  });
  return result.ended === "exited" && result.code === 0 ? parseGpus(text) : [];
}

/** Lines of `index, name, total MiB, free MiB`; others (`[N/A]`, warnings) are passed over. */
export function parseGpus(text: string): readonly GpuFacts[] {
  const found = text.split("\n").flatMap((line): GpuFacts[] => {
    const [, index, name = "", total, free] = /^(\d+), (.+), (\d+), (\d+)$/.exec(line.trim()) ?? [];
    if (index === undefined) return [];
    return [{ index: Number(index), name, totalBytes: Number(total) * MIB, freeBytes: Number(free) * MIB }];
  });
  return found.slice(0, MAX_GPUS).toSorted((a, b) => a.index - b.index);
}
