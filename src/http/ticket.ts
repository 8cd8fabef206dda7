import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Ctx, Deps } from "./context.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { none } from "./schemas.ts";
import { OrcoError } from "../kernel/errors.ts";

const LIFE_MS = 10 * 60_000;
/** Streams that an EventSource reads; nothing else opens with a ticket. */
const STREAM_PATH = /^\/(?:events|(?:runs|orchestrator\/runs|v2\/tasks)\/[A-Za-z0-9_-]{1,200}\/events)$/;

/** Read-only passes for one stream, for browsers, which cannot send a key with an EventSource. They hold over reconnects and restarts, while the key is the same. */
export interface Tickets {
  issue(path: string): { readonly ticket: string; readonly expiresAt: number };
  /** Whether it opens this request. */
  opens(path: string, ticket: string): boolean;
}

export function ticketsOf({ apiKey, clock }: { apiKey: string | undefined; clock: Deps["clock"] }): Tickets {
  const secret = apiKey === undefined ? randomBytes(32) : createHmac("sha256", apiKey).update("orco stream ticket").digest();
  const mac = (path: string, expires: string): Buffer => createHmac("sha256", secret).update(`${expires}\n${path}`).digest();
  return {
    issue(path) {
      const expiresAt = Math.trunc(clock.now()) + LIFE_MS;
      const expires = expiresAt.toString(36);
      return { ticket: `${expires}.${mac(path, expires).toString("base64url")}`, expiresAt };
    },
    opens(path, ticket) {
      const [expires = "", signature = ""] = ticket.split(".");
      const offered = Buffer.from(signature, "base64url");
      const wanted = mac(path, expires);
      if (offered.length !== wanted.length || !timingSafeEqual(offered, wanted)) return false;
      return clock.now() < Number.parseInt(expires, 36) && STREAM_PATH.test(path);
    },
  };
}

/** `POST /tickets {path}` (api.md). */
export function ticketRoutes(site: Site): void {
  const schema = z
    .strictObject({
      path: z
        .string()
        .max(500)
        .describe("of one stream: /events, /runs/{runId}/events, /orchestrator/runs/{run_id}/events, /v2/tasks/{id}/events"),
    })
    .meta({ id: "NewTicket" });
  const issue = {
    path: "/tickets",
    id: "createTicket",
    summary: "A pass for one stream, for ?ticket=: a browser's EventSource cannot send the key",
    body: { schema, required: true },
    answers: { 201: json("Ten minutes from now it opens no more", "Ticket") },
  };
  endpoint(site, { method: "post", params: none, query: none, ...issue }, (c, { body }) => {
    const path = body.kind === "json" ? body.value.path : "";
    if (!STREAM_PATH.test(path))
      throw new OrcoError(
        "invalid",
        "a ticket is for the path of one stream: /events, /runs/{runId}/events, /orchestrator/runs/{run_id}/events or /v2/tasks/{id}/events",
        {
          errors: [{ pointer: "/path", detail: "no path of a stream" }],
        },
      );
    const { ticket, expiresAt } = site.deps.tickets.issue(path);
    return c.json({ ticket, path, expires_at: new Date(expiresAt).toISOString() }, 201);
  });
}

/** The one of a request that may be opened by one. */
export function ticketIn(c: Ctx): string | undefined {
  return c.req.method === "GET" || c.req.method === "HEAD" ? c.req.query("ticket") : undefined;
}
