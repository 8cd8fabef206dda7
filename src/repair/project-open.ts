import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { type ComposeFiles, composeFiles, normalName } from "./compose/files.ts";
import { renderCompose, sectionOf } from "./compose/render.ts";
import type { ComposeCommand } from "./compose/run.ts";
import { text } from "./compose/service-config.ts";
import { PROFILE_FILE, type Profiles } from "./profile.ts";
import { readProfiles } from "./profile-read.ts";
import { serviceProfile } from "./profile-service.ts";
import type { Project, ServiceRef } from "./project.ts";

export interface ProjectSource {
  /** Absolute, without symbolic links. */
  readonly workspace: string;
  /** Of orco.repair.yaml; null: as it lies there. */
  readonly commit: string | null;
  readonly compose: ComposeCommand;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** A project as it is now. */
export interface OpenProject {
  readonly project: Project;
  /** Of one of its services. Its project names the file that the service is in. */
  readonly ref: (service: string) => ServiceRef;
  readonly buildable: (service: string) => boolean;
  /** What its profile says of services that compose does not have: a slip, or one that is gone. */
  readonly warnings: readonly string[];
}

interface Rendered extends ComposeFiles {
  readonly config: JsonObject;
}

/** Reads and renders all that a project is made of. Throws `compose_invalid`, and `invalid` for an orco.repair.yaml that is wrong. */
export async function openProject(source: ProjectSource): Promise<OpenProject> {
  const { workspace } = source;
  const profiles = await readProfiles(source);
  const others = [...profiles.services].flatMap(([name, { compose_file: file }]) => (file === undefined ? [] : [[name, file] as const]));
  const usual = await rendered(source, profiles, undefined).catch((error: unknown) => {
    // The folder may have no file but those that its profile names.
    if (others.length > 0 && error instanceof OrcoError && error.facts["missing"] === true) return undefined;
    throw error;
  });
  const found = new Map<string, Rendered>();
  if (usual) for (const name of sectionOf(usual.config, "services").keys()) found.set(name, usual);
  const byFile = new Map<string, Rendered>();
  for (const [name, file] of others) {
    const other = byFile.get(file) ?? (await rendered(source, profiles, file));
    byFile.set(file, other);
    if (sectionOf(other.config, "services").has(name)) found.set(name, other);
    else found.delete(name);
  }
  const [first] = usual ? [usual] : byFile.values();
  if (!first) throw new OrcoError("internal", `${workspace} has no compose file after all`);
  const project: Project = {
    workspace,
    ...placeOf(first, profiles),
    services: [...found.keys()].toSorted(),
    approvers: profiles.approvers,
  };
  const rawOf = (service: string): JsonObject | undefined => sectionOf(found.get(service)?.config ?? {}, "services").get(service);
  return {
    project,
    ref: (service) => ({
      project: { ...project, ...placeOf(found.get(service) ?? first, profiles) },
      service,
      profile: serviceProfile(profiles, service, text(rawOf(service)?.["image"])),
    }),
    buildable: (service) => rawOf(service)?.["build"] !== undefined,
    warnings: [...profiles.services.keys()].filter((name) => !found.has(name)).map((name) => withoutService(name, project.services)),
  };
}

function withoutService(name: string, services: readonly string[]): string {
  const hint = didYouMean(name, services);
  return `${PROFILE_FILE} names the service ${JSON.stringify(name)}, which compose does not have: what it says there holds for none${hint === undefined ? "" : `; ${hint}`}`;
}

/** A file in a folder below has a name of its own, unless the profile gives one to all. */
function placeOf(
  { directory, files, envFile, name, config }: Rendered,
  { project }: Profiles,
): Pick<Project, "name" | "composeFile" | "envFile"> {
  return {
    name: project ?? name ?? text(config["name"]) ?? normalName(directory),
    composeFile: files[0] ?? "",
    ...(envFile !== undefined && { envFile }),
  };
}

async function rendered(
  { workspace, compose, clock }: ProjectSource,
  { project }: Profiles,
  chosen: string | undefined,
): Promise<Rendered> {
  const { name, ...place } = composeFiles(workspace, chosen);
  const config = await renderCompose(compose, { ...place, ...(project !== undefined && { name: project }) }, { clock });
  return { ...place, ...(name !== undefined && { name: normalName(name) }), config };
}
