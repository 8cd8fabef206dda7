import type { Engine } from "./engine.ts";

/** A call about a command that is short: docker answers at once or not at all. */
const CALL_MS = 10_000;

export interface ExecSpec {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly user?: string | undefined;
  readonly cwd?: string | undefined;
  readonly tty?: boolean;
  readonly stdin?: boolean;
}

export interface ExecState {
  readonly Running: boolean;
  /** null while it runs. */
  readonly ExitCode: number | null;
  /** On docker's machine; 0 when it never ran. */
  readonly Pid: number;
  readonly ContainerID: string;
}

/** Returns its id. `conflict` when the container does not run. */
export async function createExec(
  engine: Engine,
  container: string,
  spec: ExecSpec & { readonly signal?: AbortSignal | undefined },
): Promise<string> {
  const { argv, env = {}, user, cwd, tty = false, stdin = false, signal } = spec;
  const body = {
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
    Cmd: argv,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(user !== undefined && user !== "" && { User: user }),
    ...(cwd !== undefined && cwd !== "" && { WorkingDir: cwd }),
  };
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  const { Id } = await engine.call<{ Id: string }>("POST", path, { body, timeoutMs: CALL_MS, ...(signal && { signal }) });
  return Id;
}

export function inspectExec(engine: Engine, exec: string): Promise<ExecState> {
  return engine.call("GET", `/exec/${exec}/json`, { timeoutMs: CALL_MS });
}
