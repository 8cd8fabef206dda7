import { OrcoError } from "../kernel/errors.ts";
import { callerOf, reservedOf } from "./caller.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { admitted, REPAIRS } from "./repair-answer.ts";
import { personOf, RepairApprovalBody, RepairRetryBody } from "./repair-bodies.ts";
import { none, oneRepair } from "./schemas.ts";

const changed = { 200: json("The repair as it is now", "RunSummary") };

/** What a caller may do to a repair that is there. */
export function repairActionRoutes(site: Site): void {
  cancelRoute(site);
  approvalRoute(site);
  retryRoute(site);
}

function cancelRoute(site: Site): void {
  const { repair } = site.deps.services;
  const cancel = {
    path: `${REPAIRS}/{run_id}`,
    id: "cancelRepair",
    summary: "Cancel a repair; answers when it has ended, and what it had changed is as before",
    answers: changed,
  };
  endpoint(site, { method: "delete", params: oneRepair, query: none, ...cancel }, async (c, { params }) => {
    c.env.hold();
    return c.json(await repair.cancel(params.run_id));
  });
}

function approvalRoute(site: Site): void {
  const { repair } = site.deps.services;
  const decide = {
    path: `${REPAIRS}/{run_id}/approvals`,
    id: "decideRepair",
    summary: "Approve or reject the plan and the patch that a repair waits with",
    body: { schema: RepairApprovalBody, required: true },
    answers: changed,
  };
  endpoint(site, { method: "post", params: oneRepair, query: none, ...decide }, async (c, { params, body }) => {
    if (body.kind !== "json") throw new OrcoError("unsupported_media_type", "send the decision as application/json");
    const { approver, decision, comment, token, plan_hash: planHash } = body.value;
    const given = {
      ...(comment !== undefined && { comment }),
      ...(token !== undefined && { token }),
      ...(planHash !== undefined && { planHash }),
    };
    c.env.hold();
    return c.json(await repair.decide(params.run_id, { approver: personOf(approver), decision, ...given }));
  });
}

function retryRoute(site: Site): void {
  const { repair } = site.deps.services;
  const retry = {
    path: `${REPAIRS}/{run_id}/retry`,
    id: "retryRepair",
    summary: "A new repair that takes over the plan and the artifacts, and goes on from the step that failed",
    body: { schema: RepairRetryBody },
    answers: { 202: json("The new repair", "RunSummary") },
    creates: true,
  };
  endpoint(site, { method: "post", params: oneRepair, query: none, ...retry }, async (c, { params, body }) => {
    c.env.hold();
    const { resume_from_step: from, reason } = body.kind === "json" ? body.value : {};
    const how = { requestedBy: { id: callerOf(c) }, ...(from !== undefined && { from }), ...(reason !== undefined && { reason }) };
    return admitted(c, await repair.retry(params.run_id, how, reservedOf(c).id));
  });
}
