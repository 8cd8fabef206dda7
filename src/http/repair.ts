import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import { plainText } from "../kernel/plain-text.ts";
import { REPAIR_STATUSES } from "../repair/record.ts";
import type { NewRepair, RepairQuery } from "../repair/service.ts";
import { callerOf, reservedOf } from "./caller.ts";
import type { Ctx } from "./context.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { repairActionRoutes } from "./repair-actions.ts";
import { admitted, REPAIRS } from "./repair-answer.ts";
import { CiTriggerBody, instructionOf, MAX_REPAIR_BYTES, NewRepairBody, personOf } from "./repair-bodies.ts";
import { repairEventsRoute } from "./repair-events.ts";
import { repairFileRoutes } from "./repair-files.ts";
import { projectRoutes } from "./repair-projects.ts";
import { limit, none, oneRepair } from "./schemas.ts";

/** Repairs (repair.md). */
export function repairRoutes(site: Site): void {
  createRoute(site);
  listRoute(site);
  getRoute(site);
  repairEventsRoute(site);
  repairActionRoutes(site);
  repairFileRoutes(site);
  ciRoute(site);
  projectRoutes(site);
}

function createRoute(site: Site): void {
  const { repair } = site.deps.services;
  const create = {
    path: REPAIRS,
    id: "createRepair",
    summary: "Repair a service; field names are taken in camelCase too",
    body: { schema: NewRepairBody, required: true, maxBytes: MAX_REPAIR_BYTES },
    answers: { 202: json("It is admitted", "RunSummary") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...create }, async (c, { body }) => {
    if (body.kind !== "json") throw new OrcoError("unsupported_media_type", "send the repair as application/json");
    c.env.hold();
    return admitted(c, await repair.create(requestOf(c, body.value), reservedOf(c).id));
  });
}

function requestOf(
  c: Ctx,
  { instruction, target_service, dry_run, requested_by, plan, logs, priority }: z.infer<typeof NewRepairBody>,
): NewRepair {
  return {
    instruction: instructionOf(instruction),
    targetService: target_service,
    priority,
    dryRun: dry_run,
    requestedBy: requested_by ? personOf(requested_by) : { id: callerOf(c) },
    ...(plan !== undefined && { plan }),
    // It is kept, and shown to people: without what drives a terminal, between whose parts a secret would not be found either.
    ...(logs !== undefined && { logs: plainText(logs) }),
  };
}

function listRoute(site: Site): void {
  const { repair } = site.deps.services;
  const query = z.strictObject({
    status: z.enum(REPAIR_STATUSES).optional(),
    service: z.string().min(1).max(401).optional().describe("service or project/service"),
    limit,
    cursor: z.string().optional().describe("next_cursor of the page before, which may be short, or empty, where there are filters"),
  });
  const list = { path: REPAIRS, id: "listRepairs", summary: "Repairs, newest first", answers: { 200: json("Repairs", "RepairList") } };
  endpoint(site, { method: "get", params: none, query, ...list }, (c, { query: { limit: count, cursor, ...wanted } }) => {
    const filter = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as Pick<
      RepairQuery,
      "status" | "service"
    >;
    const bound = { list: "repairs", ...filter };
    const before = cursor === undefined ? undefined : decodeCursor(cursor, bound);
    const { runs, before: end } = repair.list({ ...filter, limit: count, ...(before !== undefined && { before }) });
    if (end === undefined) return c.json({ runs });
    const next = encodeCursor(end, bound);
    return c.json({ runs, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });
}

function getRoute(site: Site): void {
  const { repair } = site.deps.services;
  const get = { path: `${REPAIRS}/{run_id}`, id: "getRepair", summary: "A repair: its plan, steps and artifacts" };
  endpoint(
    site,
    { method: "get", params: oneRepair, query: none, ...get, answers: { 200: json("The repair", "RunDetail") } },
    async (c, { params }) => c.json(await repair.get(params.run_id)),
  );
}

function ciRoute(site: Site): void {
  const { repair } = site.deps.services;
  const trigger = {
    path: "/orchestrator/triggers/ci",
    id: "ciFailed",
    summary: "A build failed in CI: repair it, where the profile of the service asks for that",
    body: { schema: CiTriggerBody, required: true, maxBytes: MAX_REPAIR_BYTES },
    answers: { 200: json("Nobody asked for repairs of this service", "RepairIgnored"), 202: json("It is admitted", "RunSummary") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...trigger }, async (c, { body }) => {
    if (body.kind !== "json") throw new OrcoError("unsupported_media_type", "send what failed as application/json");
    c.env.hold();
    const { target_service: targetService, logs, url } = body.value;
    const failure = { targetService, logs: plainText(logs), requestedBy: { id: callerOf(c) }, ...(url !== undefined && { url }) };
    const run = await repair.ciFailed(failure, reservedOf(c).id);
    if (run) return admitted(c, run);
    const reason = `the profile of ${targetService} asks for no repairs; set services.<name>.repair to propose or auto in orco.repair.yaml`;
    return c.json({ ignored: true, reason });
  });
}
