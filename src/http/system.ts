import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import { anonymousWarning } from "./bind.ts";
import { wantsAsync } from "./change.ts";
import type { Deps } from "./context.ts";
import { describeSecurity, docsPage, openApiDocument } from "./document.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { renderMetrics } from "./metrics.ts";
import { Config, Done, Health, Ready, Version } from "./schemas.ts";
import type { Check } from "./services.ts";

const SERVICE = "orco";
const nothing = z.strictObject({});
const text = (description: string, type: string) => ({ description, content: { [type]: "Text" as const } });

/** What the daemon says about itself. */
export function systemRoutes(site: Site): void {
  stateRoutes(site);
  documentRoutes(site);
  controlRoutes(site);
}

function stateRoutes(site: Site): void {
  const { services, config } = deps;
  const plain = { method: "get", params: nothing, query: nothing } as const;
  const { version } = config;
  endpoint(
    { app, deps },
    { ...plain, path: "/health", id: "health", summary: "The process is up", answers: { 200: json("Up", "Health") } },
    (c) => c.json({ ok: true, service: SERVICE, version }),
  );
  const readiness = { 200: json("Ready", "Ready"), 503: json("Not ready", "Ready") };
  endpoint(site, { ...plain, path: "/ready", id: "ready", summary: "Every check, in detail", answers: readiness }, (c) => {
    const checks = [...services.ready(), ...openDoor(deps)];
    const ok = checks.every((check) => check.ok);
    return c.json({ ok, checks }, ok ? 200 : 503);
  });
  endpoint(
    { app, deps },
    { ...plain, path: "/version", id: "version", summary: "Versions", answers: { 200: json("Versions", "Version") } },
    (c) => c.json({ service: SERVICE, version, runtime: `bun ${Bun.version}` }),
  );
  const metrics = { 200: text("Prometheus text format", "text/plain") };
  endpoint(site, { ...plain, path: "/metrics", id: "metrics", summary: "Metrics", answers: metrics }, (c) =>
    c.body(renderMetrics(deps.metrics.families()), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
}

function openDoor({ config }: Deps): Check[] {
  const warning = anonymousWarning(config);
  return warning === undefined ? [] : [{ name: "auth", ok: true, detail: "no API key", warning }];
}

function documentRoutes(site: Site): void {
  describeSecurity(app);
  const plain = { method: "get", params: nothing, query: nothing } as const;
  const openapi = { 200: json("OpenAPI 3.1", "Config") };
  endpoint(site, { ...plain, path: "/openapi.json", id: "openapi", summary: "This document", answers: openapi }, (c) =>
    c.json(openApiDocument(app, deps.config.version)),
  );
  const html = { 200: text("A list of all operations", "text/html") };
  endpoint(site, { ...plain, path: "/docs", id: "docs", summary: "All operations, for people", answers: html }, () =>
    docsPage(openApiDocument(app, deps.config.version)),
  );
  const schema = { 200: json("JSON Schema 2020-12", "Config") };
  const params = z.strictObject({ name: z.string().regex(/^[a-z]+\.json$/) });
  const operation = { ...plain, path: "/schemas/{name}", id: "schema", summary: "JSON Schema of a document", params, answers: schema };
  endpoint(site, operation, (c, input) => {
    const name = input.params.name.slice(0, -".json".length);
    const make = Object.hasOwn(deps.schemas, name) ? deps.schemas[name] : undefined;
    if (!make) throw new OrcoError("not_found", `no schema ${name}; there are: ${Object.keys(deps.schemas).join(", ")}`);
    return c.json(make(), 200, { "content-type": "application/schema+json" });
  });
}

function controlRoutes(site: Site): void {
  const { services } = deps;
  const resolved = { 200: json("Values with their origin; secrets masked", "Config") };
  const configRoute = { path: "/config", id: "config", summary: "The resolved configuration", answers: resolved };
  endpoint(site, { method: "get", params: nothing, query: nothing, ...configRoute }, (c) => c.json(services.config()));
  const answers = { 200: json("All is down", "Done"), 202: json("Under way", "Done") };
  const down = { path: "/shutdown", id: "shutdown", summary: "Take everything down and end the daemon", answers };
  endpoint(site, { method: "post", params: nothing, query: nothing, ...down }, async (c) => {
    if (c.env.listener !== "unix" && c.get("keyFingerprint") === undefined) {
      throw new OrcoError("forbidden", "only the unix socket, or a caller with the API key, may end the daemon");
    }
    c.env.hold();
    const done = services.shutdown();
    if (wantsAsync(c)) {
      void done.catch(() => undefined);
      return c.json({ ok: true }, 202, { "preference-applied": "respond-async" });
    }
    await done;
    return c.json({ ok: true });
  });
}
