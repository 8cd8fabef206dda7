import { OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "./engine.ts";
import type { ExecSpec, ExecState } from "./exec-calls.ts";

/** Docker says in the output of a command why there is none, podman on its stderr. */
const BEGINNINGS = ["OCI runtime exec failed", "unable to find user ", "unable to find group ", "Error: runc: ", "Error: crun: "].map(
  (text) => Buffer.from(text),
);
const PODMAN_ONLY = /^Error: (?:runc|crun): [^]*: OCI (?:runtime|permission) /;

const BEFORE = /^.*(?:unable to start container process|starting container process caused): |^docker: |^Error: \w+: /;
const BEHIND = /: unknown$|: OCI (?:runtime|permission) .*$/;
const NO_PROGRAM = /executable file .*not found|stat .*no such file or directory|exec .*no such file or directory/;

/** Whether it may be, as far as it has come, what an engine says of a command it could not start. */
export function mayBeRefusal(output: Buffer): boolean {
  return BEGINNINGS.some((beginning) => {
    const size = Math.min(output.length, beginning.length);
    return output.subarray(0, size).equals(beginning.subarray(0, size));
  });
}

/** Whether a command that has ended ever ran. Docker tells by its pid, podman only in the output. */
export async function hasRun(engine: Engine, { Pid, ExitCode }: Pick<ExecState, "Pid" | "ExitCode">, output: string): Promise<boolean> {
  if (Pid !== 0 || ExitCode === 0) return true;
  return (await engine.isPodman()) && !PODMAN_ONLY.test(output);
}

/** What a refused start of a command means: podman looks for the user only then. */
export function startRefused(error: unknown, spec: Pick<ExecSpec, "argv" | "cwd">): unknown {
  return error instanceof OrcoError && error.facts["status"] === 500 ? neverRan(spec, error.message) : error;
}

/** `executable_not_found` or `start_failed`, from what the engine says. */
export function neverRan({ argv: [name = ""], cwd }: Pick<ExecSpec, "argv" | "cwd">, output: string): OrcoError {
  const [said = ""] = output.trim().split("\n");
  const why = said.trim().replace(BEFORE, "").replace(BEHIND, "");
  if (NO_PROGRAM.test(why) && !why.startsWith("chdir"))
    return new OrcoError("executable_not_found", `${name || "(empty command)"}: not found in the container`, { command: name, path: name });
  return new OrcoError("start_failed", `${name} cannot be started in the container: ${why || "docker gave no reason"}`, {
    command: name,
    cwd,
  });
}
