import { isatty } from "node:tty";
import type { ExecConnection, ExecExit, ExecRequest } from "../client/exec.ts";
import { OrcoError } from "../kernel/errors.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { EXIT, exitCodeOf, report, usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { listOption } from "./put.ts";
import { rawTerminal, terminalSize } from "./raw-terminal.ts";

/** The command could not be started; all else is its own exit code, as with docker. */
const NOT_STARTED = 125;
/** 128 + SIGINT: on a terminal of its own Ctrl-C is the command's, without one it is ours. */
const INTERRUPTED = 130;
/** Nothing of the command was tried: these keep their meaning. */
const BEFORE: ReadonlySet<number> = new Set([EXIT.usage, EXIT.unreachable, EXIT.notFound]);

export async function exec(context: Context): Promise<number> {
  const [service = "", ...command] = context.args;
  const request = execRequest(context, command);
  const target = { stack: context.stackName(), service };
  const client = await context.client();
  const stop = interrupt();
  const over = new AbortController();
  const signal = AbortSignal.any([stop.signal, over.signal]);
  try {
    const connection = await client.exec(target, request, signal);
    return codeOf(await talk(context, connection, { over, tty: request.tty !== undefined }), context);
  } catch (error) {
    if (stop.signal.aborted) return INTERRUPTED;
    const why: unknown = over.signal.aborted ? over.signal.reason : error;
    if (!(why instanceof OrcoError) || BEFORE.has(exitCodeOf(why))) throw why;
    report(why, context.io);
    return NOT_STARTED;
  } finally {
    over.abort();
    stop.release();
  }
}

function execRequest(context: Context, command: readonly string[]): ExecRequest {
  const { options, io } = context;
  const [replica, user, workdir] = ["replica", "user", "workdir"].map((name) => textOption(options, name));
  const tty = options["tty"] !== false && isatty(0) && isatty(1);
  const { TERM } = io.env;
  const env = { ...(tty && TERM !== undefined && { TERM }), ...Object.fromEntries(listOption(context, "env").map(variableOf)) };
  return {
    command,
    env,
    ...(replica !== undefined && { replica: countOf(replica, "--replica") }),
    ...(user !== undefined && { user }),
    ...(workdir !== undefined && { workdir }),
    ...(tty && { tty: terminalSize() }),
  };
}

function variableOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw usageError(`--env takes NAME=value, not ${JSON.stringify(text)}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

interface Talk {
  /** Ends the connection, with why. */
  readonly over: AbortController;
  readonly tty: boolean;
}

/** Until the command ends. However it ends, the terminal is as it was before. */
async function talk({ io }: Context, connection: ExecConnection, { over, tty }: Talk): Promise<ExecExit> {
  const failed = (error: unknown): void => {
    // A connection that breaks does so for the output as well, which knows what that means.
    if (!(error instanceof OrcoError) || error.code !== "unreachable") over.abort(error);
  };
  const terminal = tty ? rawTerminal((size) => void connection.resize(size).catch(failed)) : undefined;
  try {
    feed(connection).catch(failed);
    const output = connection.output();
    for (;;) {
      const { done, value } = await output.next();
      if (done) return value;
      io.raw(value.kind, value.data);
    }
  } finally {
    terminal?.restore();
  }
}

/** All that we are given, as fast as the command takes it. */
async function feed(connection: ExecConnection): Promise<void> {
  for await (const chunk of Bun.stdin.stream()) if (!(await connection.write(chunk))) return;
  await connection.end();
}

function codeOf({ code = 1, signal, reason }: ExecExit, context: Context): number {
  if (reason === "instance_ended") context.note(`${context.args[0] ?? ""} ended, and the command with it${signal ? ` (${signal})` : ""}`);
  if (reason === "daemon_ended") context.note("the daemon ended, and the command with it");
  return code;
}
