export interface Execution {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** Runs a command to its end and answers its stdout. Throws with its last output when it fails or takes too long. */
export async function execute(argv: readonly string[], options: Execution = {}): Promise<string> {
  const child = Bun.spawn([...argv], {
    env: options.env ?? process.env,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 60_000,
    killSignal: "SIGKILL",
  });
  // Read while it runs, but do not wait for the end of the pipe: a daemon it leaves behind may hold it open.
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const code = await child.exited;
  await Promise.race([Promise.all([out.ended, err.ended]), Bun.sleep(200)]);
  if (code === 0) return out.text();
  const said = `${out.text()}${err.text()}`.trim().split("\n").slice(-12).join("\n");
  throw new Error(`${argv.join(" ")}: ${child.signalCode ?? `exit ${code}`}\n${said}`);
}

function collect(stream: ReadableStream<Uint8Array>): { text(): string; ended: Promise<void> } {
  const decoder = new TextDecoder();
  let text = "";
  const ended = (async () => {
    for await (const chunk of stream) text += decoder.decode(chunk, { stream: true });
  })();
  return { text: () => text, ended };
}
