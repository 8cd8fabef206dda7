import type { Place } from "./field.ts";
import type { DeclaredService } from "./shape.ts";
import { type Mapping, nodeAt } from "./source.ts";
import type { Command } from "./units.ts";
import { shellCommand, splitWords } from "./words.ts";

/** Why a process cannot have what containers have. */
const DOCKER_ONLY = {
  image: "a process has no image; its command runs on this machine",
  build: "a process is not built into an image; build it beforehand, for example in hooks.preStart",
  entrypoint: "a process has no entrypoint to put before its command; write the whole command",
  volumes: "a process sees this machine's files as they are; use their paths",
  init: "a process needs no init inside a container; orco reaps its whole tree",
  ulimits: "a process takes the limits of the daemon; set others with `ulimit` in its command",
  pull: "a process has no image to pull",
} as const;

/** The declared runtime, else docker for an image or a build, process for a command alone. What does not fit it is reported. */
export function resolveRuntime(declared: DeclaredService, node: Mapping, at: Place): "docker" | "process" {
  const runtime = declared.runtime ?? (declared.image !== undefined || declared.build ? "docker" : "process");
  if (runtime === "process") checkProcess(declared, node, at);
  else if (declared.image === undefined && !declared.build && !node.entries.has("image") && !node.entries.has("build")) {
    at.in("runtime").fail(nodeAt(node, ["runtime"]), "a docker service needs an image or a build");
  }
  return runtime;
}

function checkProcess(declared: DeclaredService, node: Mapping, at: Place): void {
  for (const [field, reason] of Object.entries(DOCKER_ONLY)) {
    const entry = node.entries.get(field);
    if (!entry || !(field in declared)) continue;
    at.in(field).fail(entry.keyAt, `${field} belongs to docker services: ${reason}`, {
      hint: `take ${field} away, or declare runtime: docker`,
    });
  }
  const written = node.entries.get("command")?.value;
  if (written && (written.kind !== "scalar" || written.value !== null || written.broken)) return;
  if (declared.runtime === undefined) at.fail(node, "a service needs an image, a build or a command");
  else at.in("runtime").fail(nodeAt(node, ["runtime"]), "a process service needs a command");
}

/** A text is a shell command for a process; in a container it is words for the entrypoint, as compose has it. */
export function resolveCommand(command: Command | undefined, runtime: "docker" | "process"): readonly string[] {
  if (command === undefined) return [];
  if (typeof command === "string" && runtime === "docker") return splitWords(command);
  return shellCommand(command);
}
