import type { TerminalSize } from "../runtime.ts";
import type { Ends, Spawn } from "./ends.ts";
import type { Outlet } from "./outlet.ts";

/** A command with three pipes. */
export function spawnPiped({ argv, cwd, env }: Spawn, outlet: Outlet): Ends {
  const child = Bun.spawn([...argv], { cwd, env: { ...env }, stdin: "pipe", stdout: "pipe", stderr: "pipe", detached: true });
  // Bun reads a pipe without bounds until somebody has asked for it.
  const readers = [child.stdout.getReader(), child.stderr.getReader()] as const;
  const done = Promise.all([pump(readers[0], "stdout", outlet), pump(readers[1], "stderr", outlet)]).then(() => undefined);
  const { stdin } = child;
  return {
    child,
    done,
    async write(data) {
      await stdin.write(data);
      await stdin.flush();
    },
    end: () => void Promise.resolve(stdin.end()).catch(() => undefined),
    resize: (_size: TerminalSize) => undefined,
    close() {
      for (const reader of readers) void reader.cancel().catch(() => undefined);
      void Promise.resolve(stdin.end()).catch(() => undefined);
    },
  };
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
}

async function pump(reader: Reader, stream: "stdout" | "stderr", outlet: Outlet): Promise<void> {
  for (;;) {
    // A reader that was cancelled has no more to say than one at its end.
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || value === undefined) return;
    outlet.give({ stream, data: value });
    await outlet.room();
  }
}
