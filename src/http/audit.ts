import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { limit, none } from "./schemas.ts";

const BOUND = { list: "audit" };

/** Who did what: approvals and the like, each record sealed by the hash of the one before. */
export function auditRoutes(site: Site): void {
  listRoute(site);
  verifyRoute(site);
}

function listRoute(site: Site): void {
  const { audit } = site.deps.services;
  const query = z.strictObject({ limit, cursor: z.string().optional() });
  const list = { path: "/audit", id: "listAudit", summary: "Who did what, newest first", answers: { 200: json("Records", "AuditList") } };
  endpoint(site, { method: "get", params: none, query, ...list }, (c, { query: { limit: count, cursor } }) => {
    const before = cursor === undefined ? undefined : seqOf(decodeCursor(cursor, BOUND));
    const found = audit.list({ limit: count + 1, ...(before !== undefined && { before }) });
    const page = found.slice(0, count);
    const last = page.at(-1);
    if (found.length <= count || !last) return c.json({ records: page });
    const next = encodeCursor(String(last.seq), BOUND);
    return c.json({ records: page, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });
}

function seqOf(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position);
  throw new OrcoError("invalid", "the cursor is not one of ours");
}

function verifyRoute(site: Site): void {
  const { audit } = site.deps.services;
  const verify = {
    path: "/audit/verify",
    id: "verifyAudit",
    summary: "Whether every record is as it was written, none missing",
    answers: { 200: json("What the chain says", "AuditVerdict") },
  };
  endpoint(site, { method: "get", params: none, query: none, ...verify }, (c) => c.json(verdictOf(() => audit.verify())));
}

/** A chain that does not hold is an answer to this question, not a failure of the daemon. */
function verdictOf(verify: () => { readonly records: number; readonly head: string }): object {
  try {
    return { ok: true, ...verify() };
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "audit_broken") throw error;
    const { seq } = error.facts;
    return { ok: false, reason: error.message, ...(typeof seq === "number" && { seq }) };
  }
}
