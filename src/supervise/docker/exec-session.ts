import { OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "./engine.ts";
import { createExec, type ExecSpec, inspectExec } from "./exec-calls.ts";
import { killExec, markOf } from "./exec-kill.ts";
import { hasRun, startRefused } from "./exec-refusal.ts";
import { type Frame, FrameReader } from "./frames.ts";
import { hijack, type Hijacked } from "./hijack.ts";

const LOOK_MS = 20;
/** Docker writes the exit code down shortly after the output has ended. */
const CODE_MS = 5000;
/** The reason why there is none is shorter. */
const BEGINNING_BYTES = 4096;

/** A command somebody talks to (`orco exec`). */
export interface ExecSession {
  /** Resolves when docker has taken them. */
  write(bytes: Uint8Array): Promise<void>;
  /** End of its stdin. */
  end(): void;
  /** Of a tty. */
  resize(cols: number, rows: number): Promise<void>;
  /** Read once; what is not read holds the command up. With a tty everything is stdout. */
  readonly output: AsyncIterable<Frame>;
  /** Its exit code, once the output has been read to its end. 126 or 127 when it could not be started. */
  readonly exited: Promise<number>;
  /** Whether it has run at all, known when it has exited: a program may end with 126 of its own. */
  readonly ran: Promise<boolean>;
  /** Ends it and all it has started. */
  kill(): Promise<void>;
}

/** Rejects with `conflict` when the container does not run, `start_failed` where that is known already, or as `Engine` does. */
export async function openExec(engine: Engine, container: string, spec: Omit<ExecSpec, "stdin">): Promise<ExecSession> {
  const mark = crypto.randomUUID();
  const { tty = false } = spec;
  const exec = await createExec(engine, container, { ...spec, env: { ...spec.env, ...markOf(mark) }, stdin: true });
  const wire = await hijack(engine, `/exec/${exec}/start`, { body: { Detach: false, Tty: tty } }).catch((error: unknown) => {
    throw startRefused(error, spec);
  });
  const { promise: ended, resolve, reject } = Promise.withResolvers<Ended>();
  const exited = ended.then(({ code }) => code);
  const ran = ended.then((end) => end.ran);
  for (const one of [exited, ran]) one.catch(() => undefined);
  const kill = async (): Promise<void> => {
    await killExec(engine, { exec, container, mark });
    wire.close();
  };
  const output = async function* (): AsyncGenerator<Frame, void> {
    let beginning = Buffer.alloc(0);
    try {
      for await (const frame of framesOf(wire, tty)) {
        if (beginning.length < BEGINNING_BYTES) beginning = Buffer.concat([beginning, frame.data]);
        yield frame;
      }
    } finally {
      endOf(engine, exec, beginning.toString("utf8")).then(resolve, reject);
    }
  };
  return {
    write: (bytes) => wire.write(bytes),
    end: () => wire.end(),
    resize: async (w, h) => void (await engine.call("POST", `/exec/${exec}/resize`, { query: { w, h } })),
    output: output(),
    exited,
    ran,
    kill,
  };
}

async function* framesOf(wire: Hijacked, tty: boolean): AsyncGenerator<Frame, void> {
  const reader = new FrameReader();
  for await (const data of wire.chunks) {
    if (tty) yield { stream: "stdout", data };
    else yield* reader.take(data);
  }
}

interface Ended {
  readonly code: number;
  readonly ran: boolean;
}

async function endOf(engine: Engine, exec: string, output: string): Promise<Ended> {
  for (const until = performance.now() + CODE_MS; ;) {
    const state = await inspectExec(engine, exec);
    if (!state.Running && state.ExitCode !== null) return { code: state.ExitCode, ran: await hasRun(engine, state, output) };
    if (performance.now() > until) throw new OrcoError("internal", "docker does not say how the command ended");
    await Bun.sleep(LOOK_MS);
  }
}
