import { OpenAPIHono } from "@hono/zod-openapi";
import { OrcoError } from "../kernel/errors.ts";
import type { Deps, Env } from "./context.ts";
import type { App } from "./endpoint.ts";
import { eventRoutes } from "./events.ts";
import { admission, browserSafety, observe } from "./guard.ts";
import { logRoutes } from "./logs.ts";
import { asOrcoError, problemResponse } from "./problem.ts";
import { runRoutes } from "./runs.ts";
import { stackRoutes } from "./stacks.ts";
import { systemRoutes } from "./system.ts";

/** Guards from the outside in, then routes. What a guard refuses no route sees. */
export function createApp(deps: Deps): App {
  const app: App = new OpenAPIHono<Env>();
  app.use(observe(deps), browserSafety(deps), admission(deps));
  systemRoutes(app, deps);
  stackRoutes(app, deps);
  runRoutes(app, deps);
  eventRoutes(app, deps);
  logRoutes(app, deps);
  app.onError((error, c) => problemResponse(asOrcoError(error), c.get("requestId")));
  const allowed = allowedMethods(app);
  app.notFound((c) => {
    const methods = allowed(c.req.path);
    const allow = [...methods, "OPTIONS"];
    if (methods.length > 0 && c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: { allow: allow.join(", ") } });
    const { method, path } = c.req;
    const refusal =
      methods.length > 0
        ? new OrcoError("method_not_allowed", `${method} is not possible here; ${allow.join(", ")} are`, { allow })
        : new OrcoError("not_found", `there is nothing at ${path}; /docs lists what there is`);
    return problemResponse(refusal, c.get("requestId"));
  });
  return app;
}

/** Methods by path, from the same registry as the document: hono answers a wrong method with 404. */
function allowedMethods(app: App): (path: string) => string[] {
  const operations = app.openAPIRegistry.definitions.flatMap((definition) => {
    if (definition.type !== "route") return [];
    const pattern = definition.route.path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
    return [{ method: definition.route.method.toUpperCase(), pattern: new RegExp(`^${pattern}$`) }];
  });
  return (path) => operations.flatMap(({ method, pattern }) => (pattern.test(path) ? (method === "GET" ? ["GET", "HEAD"] : [method]) : []));
}
