import { realpathSync, statSync } from "node:fs";
import type { Clock } from "../kernel/clock.ts";
import { fileTrouble, messageOf, OrcoError } from "../kernel/errors.ts";
import { nearest } from "../kernel/nearest.ts";
import type { Compose } from "./compose/detect.ts";
import { composeFiles, normalName } from "./compose/files.ts";
import { headOf } from "./profile-read.ts";
import { type OpenProject, openProject } from "./project-open.ts";
import type { Project, ServiceRef } from "./project.ts";
import type { ProjectView } from "./view.ts";

/** Compose renders so many projects at once: each is a program of some size. */
const AT_ONCE = 4;
const MAX_NAMED = 50;

export interface ProjectsParts {
  /** ORCO_REPAIR_WORKSPACE. */
  readonly configured: readonly string[];
  readonly added: () => readonly string[];
  readonly compose: Compose;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

interface Known {
  /** As far as it is known without compose. */
  readonly name: string;
  readonly workspace: string;
  readonly configured: boolean;
  readonly open?: OpenProject;
  readonly error?: unknown;
}

/** The compose projects whose services may be repaired. Everything is read anew each time: what compose reads is more than we could watch. */
export class Projects {
  constructor(private readonly parts: ProjectsParts) {}

  /**
   * `service` or `project/service`. Throws `unknown_service` (facts: services), `ambiguous_service` (facts: candidates), `compose_invalid`, `invalid`
   * for an orco.repair.yaml that is wrong, `docker_unavailable`.
   */
  async resolve(target: string): Promise<ServiceRef> {
    await this.parts.compose.find();
    const slash = target.indexOf("/");
    const [service, project] = slash < 0 ? [target, undefined] : [target.slice(slash + 1), target.slice(0, slash)];
    const all = await this.known();
    const known = all.filter(({ name, open }) => project === undefined || namesOf(service, open, name).includes(project));
    const having = known.flatMap(({ open }) => (open?.project.services.includes(service) ? [open] : []));
    const [found, another] = having;
    if (found && !another) return found.ref(service);
    if (found) throw ambiguous(service, having);
    const broken = known.find(({ error }) => error !== undefined);
    if (broken && (project !== undefined || known.every(({ open }) => !open))) throw broken.error;
    throw unknown(target, known.length === 0 ? all : known);
  }

  /** By name; one that cannot be read says why. */
  async list(): Promise<ProjectView[]> {
    const views = (await this.known()).map(viewOf);
    return views.toSorted((a, b) => a.name.localeCompare(b.name) || a.workspace.localeCompare(b.workspace));
  }

  /** A folder, known already or not. `invalid`, `compose_invalid`, `docker_unavailable`. */
  async project(workspace: string): Promise<Project> {
    return (await this.opened(folderOf(workspace))).project;
  }

  /** A service of a folder, with its profile as of a commit; undefined: as of now. Throws `unknown_service` too. */
  async at(workspace: string, service: string, commit?: string | null): Promise<ServiceRef> {
    const open = await this.opened(folderOf(workspace), commit);
    if (open.project.services.includes(service)) return open.ref(service);
    throw unknown(`${open.project.name}/${service}`, [{ name: open.project.name, workspace, configured: false, open }]);
  }

  private async opened(workspace: string, commit?: string | null): Promise<OpenProject> {
    const { compose, env, clock } = this.parts;
    const at = commit === undefined ? await headOf({ workspace, env, clock }) : commit;
    return openProject({ workspace, commit: at, compose: await compose.find(), env, clock });
  }

  private async known(): Promise<Known[]> {
    const { configured, added } = this.parts;
    const named = [...configured.map((folder) => [folder, true] as const), ...added().map((folder) => [folder, false] as const)];
    const folders = new Map(named.toReversed().map(([folder, isConfigured]) => [realOr(folder), isConfigured]));
    const open = [...folders].toReversed();
    const found: Known[] = [];
    const work = async (): Promise<void> => {
      for (let next = open.shift(); next; next = open.shift()) found.push(await this.look(...next));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return found;
  }

  private async look(workspace: string, configured: boolean): Promise<Known> {
    const about = { name: nameOf(workspace), workspace, configured };
    try {
      return { ...about, open: await this.opened(folderOf(workspace)) };
    } catch (error) {
      return { ...about, error };
    }
  }
}

/** A service of another file than the usual one may be in a project of another name. */
function namesOf(service: string, open: OpenProject | undefined, fallback: string): string[] {
  if (!open) return [fallback];
  return [open.project.name, ...(open.project.services.includes(service) ? [open.ref(service).project.name] : [])];
}

function viewOf({ name, workspace, configured, open, error }: Known): ProjectView {
  const services = (open?.project.services ?? []).map((service) => {
    const { protected: isProtected, repair } = open?.ref(service).profile ?? { protected: false, repair: "off" as const };
    return { name: service, protected: isProtected, buildable: open?.buildable(service) ?? false, repair };
  });
  return {
    name: open?.project.name ?? name,
    workspace,
    compose_file: open?.project.composeFile ?? fileOf(workspace),
    configured,
    services,
    warnings: open?.warnings ?? [],
    error: error === undefined ? null : messageOf(error),
  };
}

/** Of a folder that does not render. */
function nameOf(workspace: string): string {
  try {
    return composeFiles(workspace).name ?? normalName(workspace);
  } catch {
    return normalName(workspace);
  }
}

function fileOf(workspace: string): string {
  try {
    return composeFiles(workspace).files[0] ?? "";
  } catch {
    return "";
  }
}

/** Without symbolic links. */
function folderOf(workspace: string): string {
  try {
    const real = realpathSync(workspace);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    throw new OrcoError("compose_invalid", `${workspace} cannot be used: ${fileTrouble(error)}`, { file: workspace }, { cause: error });
  }
  throw new OrcoError("compose_invalid", `${workspace} is no folder`, { file: workspace });
}

function realOr(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

function ambiguous(service: string, having: readonly OpenProject[]): OrcoError {
  const candidates = having.map(({ project }) => `${project.name}/${service}`).toSorted();
  const same = new Set(candidates).size < candidates.length;
  const next = same
    ? `two projects have one name: give one another with \`project\` in its orco.repair.yaml`
    : `name one of ${candidates.join(", ")}`;
  return new OrcoError("ambiguous_service", `several projects have a service ${service}: ${next}`, { candidates });
}

function unknown(target: string, known: readonly Known[]): OrcoError {
  const services = known
    .flatMap(({ open }) => (open ? open.project.services.map((name) => `${open.project.name}/${name}`) : []))
    .toSorted();
  const plain = services.map((name) => name.split("/")[1] ?? name);
  const near = nearest(target, target.includes("/") ? services : plain);
  const next =
    known.length === 0
      ? "no compose project is known: name its folder in ORCO_REPAIR_WORKSPACE, or add it (orco repair add <dir>)"
      : near === undefined
        ? `there are ${services.slice(0, MAX_NAMED).join(", ") || "none"}`
        : `did you mean ${near}?`;
  const unread = known.filter(({ error }) => error !== undefined).map(({ name, error }) => `${name} cannot be read (${messageOf(error)})`);
  return new OrcoError("unknown_service", `there is no service ${JSON.stringify(target.slice(0, 200))}: ${[...unread, next].join("; ")}`, {
    services,
    ...(near !== undefined && { nearest: near }),
  });
}
