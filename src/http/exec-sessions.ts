import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { encodeExecFrame, type ExecStatus } from "../kernel/exec-frames.ts";
import type { OpenExec } from "../stack/exec.ts";
import type { ExecPiece } from "../supervise/runtime.ts";

const BEAT_MS = 15_000;
const BEAT = encodeExecFrame({ kind: "stdout", data: new Uint8Array() });

interface Session {
  readonly exec: OpenExec;
  /** Bytes of input it has taken. */
  taken: number;
  busy: boolean;
}

/** The commands that clients talk to: what they write goes out as one answer, what they read comes in with requests of its own. */
export class ExecSessions {
  /** By the path below which their input comes. */
  private readonly open = new Map<string, Session>();

  constructor(private readonly clock: Clock) {}

  /**
   * Frames as the client takes them, the first with its id. A client that leaves ends the command. `path`: of the request that began it; with the id
   * behind it that of its input. Only that client knows the id: the one on record would let everybody who reads events type as well.
   */
  start(exec: OpenExec, path: string): ReadableStream<Uint8Array> {
    const id = randomUUID();
    const own = `${path}/${id}`;
    this.open.set(own, { exec, taken: 0, busy: false });
    void exec.exited.then(noop, noop).then(() => this.open.delete(own));
    const output = new Output(exec, this.clock);
    // Nothing is asked for ahead: a client that does not read holds the command back.
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => controller.enqueue(encodeExecFrame({ kind: "status", status: { id } })),
        pull: async (controller) => {
          const { bytes, last } = await output.next();
          try {
            controller.enqueue(bytes);
            if (last) controller.close();
          } catch {
            // It was cancelled meanwhile, and the command with it.
          }
        },
        cancel: () => exec.kill(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Whether the path is one of a command that is under way: whoever opened it may type. */
  knows(path: string): boolean {
    return /\/(?:input|resize)$/.test(path) && this.open.has(dirname(path));
  }

  /** `path`: of a request of its input or size. Throws `not_found`. */
  exec(path: string): OpenExec {
    return this.session(path).exec;
  }

  /**
   * Hands on what begins at byte `offset` of the input; bytes that are there already are passed over, so that a request may be sent again. Resolves with
   * false when the command reads no more. Throws `not_found`, `conflict` (facts: taken).
   */
  async write(path: string, data: Uint8Array, offset: number): Promise<boolean> {
    const session = this.session(path);
    const { taken } = session;
    if (session.busy) throw new OrcoError("conflict", "the input before is not taken yet: one request after the other", { taken });
    if (offset > taken) throw new OrcoError("conflict", `the input goes on at byte ${taken}, not ${offset}`, { taken });
    const fresh = data.subarray(taken - offset);
    if (fresh.byteLength === 0) return true;
    session.busy = true;
    try {
      const read = await session.exec.write(fresh);
      session.taken += fresh.byteLength;
      return read;
    } finally {
      session.busy = false;
    }
  }

  private session(path: string): Session {
    const session = this.open.get(dirname(path));
    if (!session) throw new OrcoError("not_found", "the command has ended, or never was");
    return session;
  }
}

/** What the command writes, frame by frame; an empty one now and then shows whether the client is there. */
class Output {
  private reading: Promise<ExecPiece | undefined> | undefined;

  constructor(
    private readonly exec: OpenExec,
    private readonly clock: Clock,
  ) {}

  async next(): Promise<{ bytes: Uint8Array; last?: true }> {
    const reading = (this.reading ??= this.exec.read());
    const piece = await this.within(reading);
    if (piece === "late") return { bytes: BEAT };
    this.reading = undefined;
    if (piece) return { bytes: encodeExecFrame({ kind: piece.stream, data: piece.data }) };
    return { bytes: encodeExecFrame({ kind: "status", status: await endOf(this.exec) }), last: true };
  }

  private within<T>(reading: Promise<T>): Promise<T | "late"> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(BEAT_MS, () => resolve("late"));
      void reading.then((piece) => {
        cancel();
        resolve(piece);
      });
    });
  }
}

function endOf({ exited }: OpenExec): Promise<ExecStatus> {
  return exited.then(
    (exit): ExecStatus => ({ exit }),
    (error: unknown): ExecStatus => ({ error: said(error) }),
  );
}

/** What is not an `OrcoError` is a bug: its message stays in our log. */
function said(error: unknown): NonNullable<ExecStatus["error"]> {
  if (error instanceof OrcoError) return { code: error.code, message: error.message };
  return { code: "internal", message: "something went wrong inside the daemon" };
}

function noop(): void {}
