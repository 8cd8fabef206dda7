import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { ProjectView } from "../repair/view.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";
import type { Context } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";

/** `orco repair add <folder>`. */
export async function add(context: Context): Promise<undefined> {
  const workspace = folderOf(context);
  if (!statSync(workspace, { throwIfNoEntry: false })?.isDirectory())
    throw usageError(`there is no folder ${workspace}: name the one that holds the compose file`);
  const { repair: client } = await ensureDaemon(context);
  const project = await client.addProject(workspace);
  if (context.global.json) context.io.out(`${JSON.stringify(project)}\n`);
  else {
    context.note(
      `project ${project.name} of ${project.workspace} may be repaired: ${project.services.map(({ name }) => name).join(", ") || "it has no services"}`,
    );
    warn(context, [project]);
  }
  return undefined;
}

/** `orco repair projects`. */
export async function projects(context: Context): Promise<undefined> {
  const { io, global } = context;
  const { repair: client } = await context.client();
  const found = await client.projects();
  if (global.json) io.out(`${JSON.stringify({ projects: found })}\n`);
  else if (found.length === 0) context.note("there is none; let a compose project be repaired: orco repair add <folder>");
  else {
    io.out(`${alignRows([["PROJECT", "SERVICE", "BUILDS", "PROTECTED", "REPAIR", "FOLDER"], ...found.flatMap(rowsOf)], io.columns())}\n`);
    warn(context, found);
  }
  return undefined;
}

/** `orco repair remove <folder>`. */
export async function remove(context: Context): Promise<undefined> {
  const workspace = folderOf(context);
  const { repair: client } = await context.client();
  await client.removeProject(workspace);
  context.note(`${workspace} is forgotten; its files stay`);
  return undefined;
}

/** What was typed is meant from here; the daemon is somewhere else. */
function folderOf({ io, args }: Context): string {
  return resolve(io.cwd, args[0] ?? ".");
}

function warn(context: Context, found: readonly ProjectView[]): void {
  for (const { name, warnings } of found) for (const warning of warnings) context.note(`${name}: ${warning}`);
}

function rowsOf({ name, workspace, services, error }: ProjectView): string[][] {
  const where = oneLine(error === null ? workspace : `${workspace}: ${error}`);
  if (services.length === 0) return [[oneLine(name), "-", "-", "-", "-", where]];
  return services.map((one) => [oneLine(name), oneLine(one.name), yes(one.buildable), yes(one.protected), one.repair, where]);
}

function yes(is: boolean): string {
  return is ? "yes" : "no";
}
