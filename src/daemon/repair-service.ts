import { realpathSync } from "node:fs";
import type { Audit } from "../kernel/audit.ts";
import type { Clock } from "../kernel/clock.ts";
import { fileTrouble, OrcoError } from "../kernel/errors.ts";
import type { RepairBook } from "../repair/book.ts";
import { isOwnSource } from "../repair/compose/own.ts";
import type { RepairDesk } from "../repair/desk.ts";
import type { RepairFiles } from "../repair/files.ts";
import type { Projects } from "../repair/projects.ts";
import type { RepairService } from "../repair/service.ts";
import type { ProjectView } from "../repair/view.ts";
import type { Workspaces } from "../repair/workspaces.ts";

interface ServiceParts {
  readonly desk: RepairDesk;
  readonly files: RepairFiles;
  readonly book: RepairBook;
  readonly projects: Projects;
  readonly workspaces: Workspaces;
  readonly audit: Audit;
  readonly clock: Clock;
}

/** Repairs to the outside. */
export function repairService({ desk, files, book, projects, workspaces, audit, clock }: ServiceParts): RepairService {
  const noted = (action: string, workspace: string, actor = "api"): Promise<unknown> =>
    audit.append({ at: clock.now(), actor, action, subject: workspace, facts: {} });
  return {
    create: (request, id) => desk.create(request, id),
    list: (query) => desk.list(query),
    get: (id) => desk.get(id),
    artifacts: (id) => files.list(book.get(id).id),
    artifact: (id, name) => files.open(book.get(id).id, name),
    decide: (id, decision) => desk.decide(id, decision),
    retry: (id, how, newId) => desk.retry(id, how, newId),
    cancel: (id) => desk.cancel(id),
    ciFailed: (failure, id) => desk.ciFailed(failure, id),
    projects: () => projects.list(),
    addProject: async (workspace, by) => {
      const folder = realFolder(workspace);
      if (isOwnSource(folder))
        throw new OrcoError("self_repair", `${folder} is orco itself: it does not repair itself`, { workspace: folder });
      const { name } = await projects.project(folder);
      const other = (await projects.list()).find((one) => one.name === name && one.workspace !== folder);
      if (other)
        throw new OrcoError(
          "conflict",
          `${other.workspace} is the project ${name} already; give one another name: \`project\` in its orco.repair.yaml`,
        );
      await workspaces.add(folder);
      await noted("project.added", folder, by);
      return viewOf(await projects.list(), folder);
    },
    removeProject: async (workspace, by) => {
      const view = (await projects.list()).find((one) => one.workspace === workspace || one.name === workspace);
      if (!view) throw new OrcoError("not_found", `there is no project in ${workspace}; orco repair projects lists them`);
      if (view.configured)
        throw new OrcoError(
          "conflict",
          `${view.workspace} is named in ORCO_REPAIR_WORKSPACE: take it out there and start the daemon again`,
        );
      await workspaces.remove(view.workspace);
      await noted("project.removed", view.workspace, by);
    },
  };
}

function realFolder(workspace: string): string {
  try {
    return realpathSync(workspace);
  } catch (error) {
    throw new OrcoError("invalid", `${workspace} cannot be added: ${fileTrouble(error)}`);
  }
}

function viewOf(views: readonly ProjectView[], workspace: string): ProjectView {
  const view = views.find((one) => one.workspace === workspace);
  if (!view) throw new OrcoError("internal", `${workspace} was added and is not there`);
  return view;
}
