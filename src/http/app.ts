import { Hono } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import { OrcoError } from "../kernel/errors.ts";
import type { Deps, Env } from "./context.ts";
import type { Operation, Site } from "./endpoint.ts";
import { auditRoutes } from "./audit.ts";
import { deployRoutes } from "./deploy.ts";
import { eventRoutes } from "./events.ts";
import { execRoutes } from "./exec.ts";
import { FixedPaths } from "./fixed-paths.ts";
import { admission, browserSafety, observe } from "./guard.ts";
import { catalogRoutes } from "./inference-catalog.ts";
import { nodeRoutes } from "./inference-nodes.ts";
import { poolRoutes } from "./inference-pools.ts";
import { sessionRoutes } from "./inference-sessions.ts";
import { inferenceTaskRoutes } from "./inference-tasks.ts";
import { logRoutes } from "./logs.ts";
import { openAiRoutes } from "./openai-routes.ts";
import { refusalResponse } from "./refusal.ts";
import { repairRoutes } from "./repair.ts";
import { runRoutes } from "./runs.ts";
import { scheduleRoutes } from "./schedules.ts";
import { stackRoutes } from "./stacks.ts";
import { systemRoutes } from "./system.ts";
import { ticketRoutes } from "./ticket.ts";

export type App = Hono<Env>;

/** Guards from the outside in, then routes. What a guard refuses no route sees. */
export function createApp(deps: Deps): App {
  const app: App = new Hono<Env>({ router: new FixedPaths(new TrieRouter()) });
  const site: Site = { app, deps, operations: [] };
  app.use(observe(deps), browserSafety(deps), admission(deps));
  systemRoutes(site);
  execRoutes(site);
  stackRoutes(site);
  deployRoutes(site);
  runRoutes(site);
  scheduleRoutes(site);
  repairRoutes(site);
  auditRoutes(site);
  inferenceTaskRoutes(site);
  sessionRoutes(site);
  openAiRoutes(site);
  ticketRoutes(site);
  eventRoutes(site);
  logRoutes(site);
  nodeRoutes(site);
  poolRoutes(site);
  catalogRoutes(site);
  app.onError((error, c) => refusalResponse(c, error));
  const allowed = allowedMethods(site.operations);
  app.notFound((c) => {
    const methods = allowed(c.req.path);
    const allow = [...methods, "OPTIONS"];
    if (methods.length > 0 && c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow: allow.join(", ") } });
    const { method, path } = c.req;
    const refusal =
      methods.length > 0
        ? new OrcoError("method_not_allowed", `${method} is not possible here; ${allow.join(", ")} are`, { allow })
        : new OrcoError("not_found", `there is nothing at ${path}; /docs lists what there is`);
    return refusalResponse(c, refusal);
  });
  return app;
}

/** Methods by path: hono answers a wrong method with 404. */
function allowedMethods(operations: readonly Operation[]): (path: string) => string[] {
  const known = operations.map(({ method, path }) => {
    const pattern = path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
    return { method: method.toUpperCase(), pattern: new RegExp(`^${pattern}$`) };
  });
  return (path) => known.flatMap(({ method, pattern }) => (pattern.test(path) ? (method === "GET" ? ["GET", "HEAD"] : [method]) : []));
}
