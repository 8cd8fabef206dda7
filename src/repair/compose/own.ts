import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { ServiceRef } from "../project.ts";
import { serviceContainers } from "./containers.ts";
import { isBelow, realPath } from "./inside.ts";

const ID = /\b[0-9a-f]{64}\b/g;

/** What a process can know of the container that it runs in. */
export interface OwnPlace {
  /** /proc/self/cgroup; empty but for `/` in a cgroup namespace of one's own. */
  readonly cgroup: string;
  /** /proc/self/mountinfo */
  readonly mounts: string;
  readonly hostname: string;
}

/** Whether the container of that id is the one we run in. */
export function isOwnContainer(id: string, { cgroup, mounts, hostname: name }: OwnPlace): boolean {
  // Docker mounts these three from a folder with the container's id. Of other mounts the machine itself has many, one for each container.
  const ours = mounts.split("\n").filter((line) => /^\/etc\/(?:hostname|hosts|resolv\.conf)$/.test(line.split(" ")[4] ?? ""));
  const known = [...cgroup.matchAll(ID), ...ours.join("\n").matchAll(ID)].map(([found]) => found);
  return known.includes(id) || (/^[0-9a-f]{12}$/.test(name) && id.startsWith(name));
}

/** Whether a workspace holds orco itself. An example in its source is a project like any other. `source`: the folder of the running source. */
export function isOwnSource(workspace: string, source = resolve(import.meta.dirname, "../../..")): boolean {
  if (!source.startsWith("/$bunfs") && isBelow(realPath(source), workspace)) return true;
  try {
    const { name, bin } = JSON.parse(readFileSync(join(workspace, "package.json"), "utf8")) as { name?: unknown; bin?: { orco?: unknown } };
    return name === "orco" && bin?.orco !== undefined;
  } catch {
    return false;
  }
}

/** Throws `self_repair` where a service is orco itself: it would not live to see the end of it. */
export async function assertNotOwn({
  ref: { project, service },
  engine,
  signal,
}: {
  readonly ref: ServiceRef;
  readonly engine: Engine;
  readonly signal?: AbortSignal;
}): Promise<void> {
  if (isOwnSource(project.workspace))
    throw new OrcoError("self_repair", `${project.workspace} is the source of orco itself, which does not repair itself`, {
      workspace: project.workspace,
    });
  const place = ownPlace();
  for (const { Id } of await serviceContainers(engine, { project: project.name, service }, signal ? { signal } : {}))
    if (isOwnContainer(Id, place))
      throw new OrcoError("self_repair", `${project.name}/${service} is the container that orco runs in: it does not repair itself`, {
        container: Id,
      });
}

function ownPlace(): OwnPlace {
  return { cgroup: fileOr("/proc/self/cgroup"), mounts: fileOr("/proc/self/mountinfo"), hostname: hostname() };
}

function fileOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
