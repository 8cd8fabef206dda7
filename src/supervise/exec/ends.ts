import type { TerminalSize } from "../runtime.ts";

/** A command, completely resolved. */
export interface Spawn {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A command that was started, and the ends of its pipes or of its terminal. */
export interface Ends {
  readonly child: Pick<Bun.Subprocess, "pid" | "exited" | "exitCode" | "signalCode">;
  /** Resolves when everything it wrote has gone to the outlet and nothing holds its output open. Never rejects. */
  readonly done: Promise<void>;
  /** Resolves when it has been taken; may never do so, rejects when nobody reads. */
  write(data: Uint8Array): Promise<void>;
  end(): void;
  resize(size: TerminalSize): void;
  close(): void;
}
