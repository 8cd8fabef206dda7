import { z } from "zod";
import type { RunView } from "../workflow/view.ts";
import { reservedOf } from "./caller.ts";
import { wantsAsync } from "./change.ts";
import type { Ctx } from "./context.ts";
import { appOutcome, settledOrWaiting, unsuccessful } from "./deploy-answer.ts";
import { endpoint, json, type Site } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { asOrcoError } from "./problem.ts";
import { limit, stackName } from "./schemas.ts";

const none = z.strictObject({});
const named = z.strictObject({ app: stackName });

const PutAppBody = z
  .strictObject({
    repo: z.string().min(1).max(4096).describe("path or URL of a git repository"),
    contract: z.unknown().optional().describe("the app contract; without it orco.app.json of the commit counts"),
  })
  .meta({ id: "PutApp" });
const commit = z.string().max(1024).describe("a sha, tag or branch");
const DeployBody = z.strictObject({ commit, app: stackName.optional() }).meta({ id: "Deploy" });
const AppDeployBody = z.strictObject({ commit }).meta({ id: "AppDeploy" });
const RollbackBody = z.strictObject({ app: stackName.optional() }).meta({ id: "Rollback" });

const deployAnswers = {
  200: json("It is live", "DeployResult"),
  202: json("The run: admitted (Prefer: respond-async), or waiting for approval", "Run"),
};
const rollbackAnswers = { ...deployAnswers, 200: json("The previous release is live", "RollbackResult") };

/** Deploys of git commits (seed 000, deploy.md): the three paths of the document, and `/apps`. */
export function deployRoutes(site: Site): void {
  documentRoutes(site);
  appRoutes(site);
  changeRoutes(site);
}

function documentRoutes(site: Site): void {
  const { apps } = site.deps.services;
  const deploy = {
    path: "/deploy",
    id: "deploy",
    summary: "Deploy a commit of the only app, or of the one named",
    answers: deployAnswers,
    creates: true,
  };
  const body = { schema: DeployBody, required: true };
  endpoint(site, { method: "post", params: none, query: none, ...deploy, body }, async (c, input) => {
    const { app, commit: ref = "" } = input.body.kind === "json" ? input.body.value : {};
    return answer(site, c, { kind: "deploy", submit: async () => apps.deploy(apps.nameOf(app), ref, reservedOf(c)) });
  });
  const rollback = {
    path: "/rollback",
    id: "rollback",
    summary: "Go back to the previous release",
    answers: rollbackAnswers,
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...rollback, body: { schema: RollbackBody } }, async (c, input) => {
    const { app } = input.body.kind === "json" ? input.body.value : {};
    return answer(site, c, { kind: "rollback", submit: async () => apps.rollback(apps.nameOf(app), reservedOf(c)) });
  });
  const status = { path: "/status", id: "getStatus", summary: "What is live", answers: { 200: json("Status", "AppStatus") } };
  endpoint(site, { method: "get", params: none, query: z.strictObject({ app: stackName.optional() }), ...status }, (c, input) =>
    c.json(apps.status(apps.nameOf(input.query.app))),
  );
}

function appRoutes(site: Site): void {
  const { apps } = site.deps.services;
  const list = { path: "/apps", id: "listApps", summary: "All apps", answers: { 200: json("Apps", "AppList") } };
  endpoint(site, { method: "get", params: none, query: none, ...list }, (c) => c.json({ apps: apps.list() }));
  const one = { path: "/apps/{app}", params: named, query: none };
  const get = { method: "get", id: "getApp", summary: "An app", answers: { 200: json("App", "App") } } as const;
  endpoint(site, { ...one, ...get }, (c, input) => c.json(apps.get(input.params.app)));
  const put = { method: "put", id: "putApp", summary: "Add an app, or change its repo or contract", answers: get.answers } as const;
  endpoint(site, { ...one, ...put, body: { schema: PutAppBody, required: true } }, async (c, input) => {
    const { repo = "", contract } = input.body.kind === "json" ? input.body.value : {};
    return c.json(await apps.put(input.params.app, { repo, ...(contract !== undefined && { contract }) }));
  });
  const remove = {
    method: "delete",
    id: "deleteApp",
    summary: "Stop an app and forget it",
    answers: { 204: { description: "Gone" } },
  } as const;
  endpoint(site, { ...one, ...remove }, async (c, input) => {
    await apps.remove(input.params.app);
    return c.body(null, 204);
  });
  const status = { path: "/apps/{app}/status", id: "getAppStatus", summary: "What is live", answers: { 200: json("Status", "AppStatus") } };
  endpoint(site, { method: "get", params: named, query: none, ...status }, (c, input) => c.json(apps.status(input.params.app)));
  const query = z.strictObject({ limit, cursor: z.string().optional() });
  const releases = { path: "/apps/{app}/releases", id: "listReleases", summary: "Deploys and rollbacks, newest first" };
  const answers = { 200: json("Releases", "ReleaseList") };
  endpoint(site, { method: "get", params: named, query, ...releases, answers }, (c, input) => {
    const { limit: count, cursor } = input.query;
    const filters = { list: "releases", app: input.params.app };
    const before = cursor === undefined ? {} : { before: decodeCursor(cursor, filters) };
    const found = apps.releases(input.params.app, { limit: count + 1, ...before });
    const page = found.slice(0, count);
    const last = page.at(-1);
    if (found.length <= count || !last) return c.json({ releases: page });
    const next = encodeCursor(last.run, filters);
    return c.json({ releases: page, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });
}

function changeRoutes(site: Site): void {
  const { apps } = site.deps.services;
  const deploy = { path: "/apps/{app}/deploy", id: "deployApp", summary: "Deploy a commit", answers: deployAnswers, creates: true };
  const body = { schema: AppDeployBody, required: true };
  endpoint(site, { method: "post", params: named, query: none, ...deploy, body }, async (c, input) => {
    const { commit: ref = "" } = input.body.kind === "json" ? input.body.value : {};
    return answer(site, c, { kind: "deploy", submit: () => apps.deploy(input.params.app, ref, reservedOf(c)) });
  });
  const rollback = {
    path: "/apps/{app}/rollback",
    id: "rollbackApp",
    summary: "Go back to the previous release",
    answers: rollbackAnswers,
    creates: true,
  };
  endpoint(site, { method: "post", params: named, query: none, ...rollback, body: { schema: none } }, async (c, input) =>
    answer(site, c, { kind: "rollback", submit: () => apps.rollback(input.params.app, reservedOf(c)) }),
  );
}

interface Change {
  readonly kind: "deploy" | "rollback";
  readonly submit: () => Promise<RunView>;
}

/** 200 with the fields of the document; 202 when the caller does not wait, or when a person has to decide first. */
async function answer({ deps }: Site, c: Ctx, { kind, submit }: Change): Promise<Response> {
  const run = await submit().catch((error: unknown) => {
    throw unsuccessful(asOrcoError(error), kind);
  });
  const location = `/runs/${run.id}`;
  if (wantsAsync(c)) return c.json(run, 202, { location, "preference-applied": "respond-async" });
  const now = await settledOrWaiting(deps, c, run.id);
  if (now.waiting) return c.json(now, 202, { location });
  return c.json(appOutcome(now), 200, { "content-location": location });
}
