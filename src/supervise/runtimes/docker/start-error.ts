import { OrcoError } from "../../../kernel/errors.ts";
import { portHolder } from "../../port.ts";
import type { LaunchSpec } from "../../runtime.ts";

const NO_SPACE = /no space left on device|disk quota exceeded/i;
const PORT =
  /Bind for (?<host>[^ ]*):(?<port>\d+) failed: port is already allocated|listen (?:tcp|udp)\d? (?<host2>[^ ]*):(?<port2>\d+): bind: (?:address already in use|permission denied)/;
const NO_PROGRAM =
  /exec: "(?<name>(?:[^"\\]|\\.)*)": (?:executable file not found|stat .*no such file or directory)|exec (?<name2>\S+): no such file or directory|executable file `(?<name3>[^`]+)` not found/;
const REFUSED_PROGRAM = /exec: "(?<name>(?:[^"\\]|\\.)*)": permission denied/;
const NO_USER = /unable to find (?<kind>user|group) (?<name>\S+?):/;
const NOISE =
  /^docker: |failed to create shim(?: task)?: |OCI runtime create failed: |runc create failed: |container_linux\.go:\d+: |starting container process caused: |unable to start container process: |(?:: unknown)+$/g;

/** The error of a start that docker refused, in the words of `Runtime.start`. */
export function startError(error: unknown, { service, container }: Pick<LaunchSpec, "service" | "container">): unknown {
  // Anything but docker's answer about a container is told well already: docker is away, an image cannot be had, an object is somebody else's.
  if (!(error instanceof OrcoError) || error.facts["status"] === undefined || !isOfContainer(error)) return error;
  const text = error.message;
  if (NO_SPACE.test(text)) return diskError(error);
  const port = PORT.exec(text)?.groups;
  if (port) return portError(error, { port: Number(port["port"] ?? port["port2"]), host: port["host"] ?? port["host2"] ?? "" });
  const found = NO_PROGRAM.exec(text)?.groups;
  const missing = found?.["name"] ?? found?.["name2"] ?? found?.["name3"];
  if (missing !== undefined) return noProgram(missing, container?.image ?? "its image", error);
  const { kind, name } = NO_USER.exec(text)?.groups ?? {};
  if (kind !== undefined && name !== undefined) return noUser(kind, name, error);
  const refused = REFUSED_PROGRAM.exec(text)?.groups?.["name"];
  if (refused !== undefined) return notExecutable(refused, container?.image ?? "its image", error);
  return new OrcoError("start_failed", `${service} cannot be started: ${plain(text)}`, { ...error.facts }, { cause: error });
}

/** The error of a docker that has no disk left, in words; anything else as it is. */
export function diskError(error: unknown): unknown {
  if (!(error instanceof OrcoError) || error.facts["status"] === undefined || !NO_SPACE.test(error.message)) return error;
  const message = `docker has no space left: ${plain(error.message)}; free some (docker system prune)`;
  return new OrcoError("disk_full", message, error.facts, { cause: error });
}

function isOfContainer({ facts: { path } }: OrcoError): boolean {
  return typeof path === "string" && path.includes("/containers/");
}

function noProgram(command: string, image: string, cause: OrcoError): OrcoError {
  const where = command.includes("/") ? "no such file" : "not found in PATH";
  return new OrcoError(
    "executable_not_found",
    `${command}: ${where} in ${image}: name another command or entrypoint, or add it to the image`,
    { command, path: command },
    { cause },
  );
}

function notExecutable(command: string, image: string, cause: OrcoError): OrcoError {
  const message = `${command} is not executable in ${image}: name another command, or chmod +x it in the image`;
  return new OrcoError("invalid", message, { command }, { cause });
}

function noUser(kind: string, name: string, cause: OrcoError): OrcoError {
  const message = `the ${kind} ${name} does not exist in the container: give a number, or add it to the image`;
  return new OrcoError("invalid", message, { [kind]: name }, { cause });
}

/** Another container's port is held by docker's proxy, which has the port as its argument. */
function portError(error: OrcoError, { port, host }: { port: number; host: string }): OrcoError {
  const address = host === "" ? undefined : host;
  if (/permission denied/.test(error.message))
    return new OrcoError("start_failed", `port ${port} cannot be published: ${plain(error.message)}`, { port }, { cause: error });
  const holder = portHolder(port, address);
  const by = holder ? ` by ${holder.command}${holder.pid === undefined ? "" : ` (pid ${holder.pid})`}` : " by another container";
  return new OrcoError("port_in_use", `port ${port} is in use${by}`, { port, ...holder }, { cause: error });
}

function plain(text: string): string {
  return text.replaceAll(NOISE, "").trim();
}
