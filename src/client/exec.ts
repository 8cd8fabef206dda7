import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { type ExecFrame, ExecFrames, type ExecStatus } from "../kernel/exec-frames.ts";
import type { Transport } from "./transport.ts";

/** Body of `POST /stacks/{name}/services/{service}/exec`. */
export interface ExecRequest {
  readonly command: readonly string[];
  readonly replica?: number;
  readonly user?: string;
  readonly workdir?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: { readonly columns: number; readonly rows: number };
}

export type ExecOutput = Extract<ExecFrame, { kind: "stdout" | "stderr" }>;
export type ExecExit = NonNullable<ExecStatus["exit"]>;

/** A command under way beside an instance. */
export interface ExecConnection {
  /** What it writes; who does not go on holds it back. Returns how it ended. Throws `unreachable` when the connection breaks, or why it could not be started. */
  output(): AsyncGenerator<ExecOutput, ExecExit>;
  /** Resolves when it has been taken: false when the command reads no more. One at a time. */
  write(data: Uint8Array): Promise<boolean>;
  /** Nothing more to read for it. */
  end(): Promise<void>;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
}

/** What one request takes at most. */
const MAX_INPUT_BYTES = 1024 * 1024;

export async function openExec(
  transport: Transport,
  path: string,
  { body, signal }: { body: ExecRequest; signal: AbortSignal },
): Promise<ExecConnection> {
  const response = await transport.open(path, { method: "POST", body, signal, timeoutMs: START_TIMEOUT_MS });
  const frames = framesOf(response);
  const first = await frames.next();
  const id = first.done || first.value.kind !== "status" ? undefined : first.value.status.id;
  if (id === undefined) throw new OrcoError("unavailable", "the answer is no stream of exec");
  const ask = (what: string, request: object): Promise<{ ok: boolean }> =>
    transport.json(`${path}/${id}/${what}`, { method: "POST", signal, timeoutMs: 0, ...request });
  let sent = 0;
  const write = async (data: Uint8Array): Promise<boolean> => {
    for (let at = 0; at < data.byteLength; at += MAX_INPUT_BYTES) {
      const bytes = data.subarray(at, at + MAX_INPUT_BYTES);
      const { ok } = await ask("input", { bytes, query: { offset: sent } });
      if (!ok) return false;
      sent += bytes.byteLength;
    }
    return true;
  };
  return {
    output: () => outputOf(frames),
    write: (data) => write(data).catch(whenEnded),
    end: async () => void (await ask("input", { query: { offset: sent, end: true } }).catch(whenEnded)),
    resize: async (size) => void (await ask("resize", { body: size }).catch(whenEnded)),
  };
}

/** A container may be slow to answer; a daemon that is gone is noticed at once. */
const START_TIMEOUT_MS = 60_000;

async function* outputOf(frames: AsyncGenerator<ExecFrame, void>): AsyncGenerator<ExecOutput, ExecExit> {
  for await (const frame of frames) {
    if (frame.kind !== "status") yield frame;
    else if (frame.status.error) throw new OrcoError("start_failed", frame.status.error.message);
    else if (frame.status.exit) return frame.status.exit;
  }
  throw new OrcoError("unreachable", "the connection to the daemon broke, and the command was ended with it", { known: true });
}

async function* framesOf(response: Response): AsyncGenerator<ExecFrame, void> {
  const reader = new ExecFrames();
  try {
    for await (const chunk of response.body ?? []) yield* reader.take(chunk);
  } catch (error) {
    const why = errnoOf(error) ?? messageOf(error);
    throw new OrcoError("unreachable", `the connection to the daemon broke, and the command was ended with it (${why})`, { known: true });
  }
}

/** Input for a command that has just ended is nobody's any more. */
function whenEnded(error: unknown): false {
  if (error instanceof OrcoError && error.code === "not_found") return false;
  throw error;
}
