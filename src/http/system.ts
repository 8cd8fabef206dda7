import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import { anonymousWarning } from "./bind.ts";
import { wantsAsync } from "./change.ts";
import type { Deps } from "./context.ts";
import { docsPage, openApiDocument } from "./document.ts";
import { endpoint, json, type Site } from "./endpoint.ts";
import { renderMetrics } from "./metrics.ts";
import { schemaFile } from "./schemas.ts";
import type { Check } from "./services.ts";

const SERVICE = "orco";
const nothing = z.strictObject({});
const get = { method: "get", params: nothing, query: nothing } as const;

/** What the daemon says about itself. */
export function systemRoutes(site: Site): void {
  stateRoutes(site);
  metricsRoute(site);
  documentRoutes(site);
  schemaRoute(site);
  configRoute(site);
  shutdownRoute(site);
}

function stateRoutes(site: Site): void {
  const { services, config } = site.deps;
  const health = { path: "/health", id: "health", summary: "The process is up", answers: { 200: json("Up", "Health") } };
  endpoint(site, { ...get, ...health }, (c) => c.json({ ok: true, service: SERVICE, version: config.version }));

  const readiness = { 200: json("Ready", "Ready"), 503: json("Not ready", "Ready") };
  const ready = { path: "/ready", id: "ready", summary: "Every check, in detail", answers: readiness };
  endpoint(site, { ...get, ...ready }, async (c) => {
    const checks = [...(await services.ready()), ...openDoor(site.deps)];
    const ok = checks.every((check) => check.ok);
    return c.json({ ok, checks }, ok ? 200 : 503);
  });

  const version = { path: "/version", id: "version", summary: "Versions", answers: { 200: json("Versions", "Version") } };
  const { queue } = config;
  endpoint(site, { ...get, ...version }, (c) =>
    c.json({ service: SERVICE, version: config.version, runtime: `bun ${Bun.version}`, ...(queue !== undefined && { queue }) }),
  );
}

function openDoor({ config }: Deps): Check[] {
  const warning = anonymousWarning(config);
  return warning === undefined ? [] : [{ name: "auth", ok: true, detail: "no API key", warning }];
}

function metricsRoute(site: Site): void {
  const answers = { 200: { description: "Prometheus text format", content: { "text/plain": "Text" } as const } };
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  const metrics = { path: "/metrics", id: "metrics", summary: "Metrics", answers };
  endpoint(site, { ...get, ...metrics }, async (c) => c.body(renderMetrics(await site.deps.metrics.families()), 200, headers));
}

function documentRoutes(site: Site): void {
  const document = () => openApiDocument(site.operations, site.deps.config.version);
  const openapi = { path: "/openapi.json", id: "openapi", summary: "This document", answers: { 200: json("OpenAPI 3.1", "Config") } };
  endpoint(site, { ...get, ...openapi }, async (c) => c.json(await document()));

  const html = { 200: { description: "A list of all operations", content: { "text/html": "Text" } as const } };
  const docs = { path: "/docs", id: "docs", summary: "All operations, for people", answers: html };
  endpoint(site, { ...get, ...docs }, async () => docsPage(await document()));
}

function schemaRoute(site: Site): void {
  const { schemas } = site.deps;
  const answers = { 200: { description: "JSON Schema 2020-12", content: { "application/schema+json": "Config" } as const } };
  const schema = { path: "/schemas/{file}", id: "schema", summary: "JSON Schema of a document", answers };
  endpoint(site, { ...get, ...schema, params: z.strictObject({ file: schemaFile }) }, async (c, input) => {
    const name = input.params.file.slice(0, -".json".length);
    const make = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (!make) throw new OrcoError("not_found", `there is no schema ${name}, only ${Object.keys(schemas).join(", ")}`);
    return c.json(await make(), 200, { "content-type": "application/schema+json" });
  });
}

function configRoute(site: Site): void {
  const answers = { 200: json("Values with their origin; secrets masked", "Config") };
  const config = { path: "/config", id: "config", summary: "The resolved configuration", answers };
  endpoint(site, { ...get, ...config }, (c) => c.json(site.deps.services.config()));
}

function shutdownRoute(site: Site): void {
  const answers = { 200: json("All is down", "Done"), 202: json("Under way (Prefer: respond-async)", "Done") };
  const shutdown = { path: "/shutdown", id: "shutdown", summary: "Take everything down and end the daemon", answers };
  endpoint(site, { ...get, ...shutdown, method: "post" }, async (c) => {
    if (c.env.listener !== "unix" && c.get("keyFingerprint") === undefined) {
      throw new OrcoError("forbidden", "only the unix socket, or a caller with the API key, may end the daemon");
    }
    c.env.hold();
    const done = site.deps.services.shutdown();
    if (wantsAsync(c)) {
      void done.catch((error: unknown) => site.deps.failed(c.get("requestId"), error));
      return c.json({ ok: true }, 202, { "preference-applied": "respond-async" });
    }
    await done;
    return c.json({ ok: true });
  });
}
