import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import { callerOf } from "./caller.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { ProjectBody } from "./repair-bodies.ts";
import { none } from "./schemas.ts";

const path = "/orchestrator/projects";

/** The compose projects whose services may be repaired. */
export function projectRoutes(site: Site): void {
  const { repair } = site.deps.services;
  const list = { path, id: "listProjects", summary: "The projects and their services", answers: { 200: json("Projects", "ProjectList") } };
  endpoint(site, { method: "get", params: none, query: none, ...list }, async (c) => {
    // Compose renders each of them.
    c.env.hold();
    return c.json({ projects: await repair.projects() });
  });

  const add = {
    path,
    id: "addProject",
    summary: "Let the services of a compose project be repaired",
    body: { schema: ProjectBody, required: true },
    answers: { 201: json("It is known from now on", "Project") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...add }, async (c, { body }) => {
    if (body.kind !== "json") throw new OrcoError("unsupported_media_type", "send the project as application/json");
    c.env.hold();
    return c.json(await repair.addProject(body.value.workspace, callerOf(c)), 201);
  });

  const query = z.strictObject({ workspace: z.string().min(1).max(4096).describe("as the list names it") });
  const remove = {
    path,
    id: "removeProject",
    summary: "Forget a project; its files stay",
    answers: { 204: { description: "It is forgotten" } },
  };
  endpoint(site, { method: "delete", params: none, query, ...remove }, async (c, input) => {
    await repair.removeProject(input.query.workspace, callerOf(c));
    return c.body(null, 204);
  });
}
