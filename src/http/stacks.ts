import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { PutStack } from "../stack/view.ts";
import { answerChange } from "./change.ts";
import type { Ctx } from "./context.ts";
import { type Site, endpoint, type Input, json } from "./endpoint.ts";
import { ActBody, flag, PutStackBody, serviceAction, serviceName, stackName } from "./schemas.ts";

const MAX_SOURCE_BYTES = 4 * 1024 * 1024;
/** JSON doubles the worst of a source, and the caller's variables come with it. */
const MAX_PUT_BYTES = 3 * MAX_SOURCE_BYTES;

const named = z.strictObject({ name: stackName });
const changeAnswers = { 200: json("The run, completed", "Run"), 202: json("The run, admitted (Prefer: respond-async)", "Run") };

/** Stacks and their services. Every change is a run. */
export function stackRoutes(site: Site): void {
  readRoutes(site);
  putRoute(site);
  changeRoutes(site);
}

function readRoutes(site: Site): void {
  const { deps } = site;
  const { stacks } = deps.services;
  const none = z.strictObject({});
  const list = { path: "/stacks", id: "listStacks", summary: "All stacks", answers: { 200: json("Stacks", "StackList") } };
  endpoint(site, { method: "get", params: none, query: none, ...list }, (c) => c.json({ stacks: stacks.list() }));

  const one = { path: "/stacks/{name}", id: "getStack", summary: "A stack and its services", answers: { 200: json("Stack", "Stack") } };
  endpoint(site, { method: "get", params: named, query: z.strictObject({ usage: flag.optional() }), ...one }, (c, input) =>
    c.json(stacks.get(input.params.name, { usage: input.query.usage ?? false })),
  );

  const graph = { path: "/stacks/{name}/graph", id: "getGraph", summary: "Who waits for whom", answers: { 200: json("Graph", "Graph") } };
  endpoint(site, { method: "get", params: named, query: none, ...graph }, (c, input) => c.json(stacks.graph(input.params.name)));
}

const putQuery = z.strictObject({
  dry_run: flag.optional(),
  adopt: flag.optional(),
  queue: flag.optional(),
  workdir: z.string().startsWith("/", "an absolute path").optional(),
});
type PutInput = Input<typeof named, typeof putQuery, typeof PutStackBody>;

function putRoute(site: Site): void {
  const { deps } = site;
  const { stacks } = deps.services;
  const answers = { ...changeAnswers, 200: json("The run, completed; with dry_run the plan", "PlanOrRun") };
  const body = { schema: PutStackBody, yaml: true, required: true, maxBytes: MAX_PUT_BYTES };
  const put = { path: "/stacks/{name}", id: "putStack", summary: "Apply a stack.yaml, or plan it (dry_run)", body, answers };
  endpoint(site, { method: "put", params: named, query: putQuery, ...put }, async (c: Ctx, input: PutInput) => {
    const { dry_run: dryRun, adopt, queue } = input.query;
    const wanted = wantedStack(input);
    if (dryRun) return c.json(await stacks.plan(input.params.name, wanted));
    return answerChange(deps, c, await stacks.put(input.params.name, wanted, { adopt: adopt ?? false, queue: queue ?? false }));
  });
}

function wantedStack({ body, query }: PutInput): PutStack {
  const wanted =
    body.kind === "json" ? fromJson(body.value, query.workdir) : fromYaml(body.kind === "yaml" ? body.text : "", query.workdir);
  if (Buffer.byteLength(wanted.source) > MAX_SOURCE_BYTES) {
    throw new OrcoError("too_large", `the source is larger than ${MAX_SOURCE_BYTES} bytes`, { max_bytes: MAX_SOURCE_BYTES });
  }
  return wanted;
}

function fromJson({ file, profiles, services, start, ...rest }: z.infer<typeof PutStackBody>, workdir: string | undefined): PutStack {
  if (workdir !== undefined && workdir !== rest.workdir)
    throw new OrcoError("invalid", "workdir is given twice: in the query and in the body");
  return {
    ...rest,
    ...(file !== undefined && { file }),
    ...(profiles && { profiles }),
    ...(services && { services }),
    ...(start && { start }),
  };
}

function fromYaml(source: string, workdir: string | undefined): PutStack {
  if (workdir === undefined) {
    throw new OrcoError(
      "invalid",
      "relative paths in YAML need a base: add ?workdir=/absolute/folder, or send JSON with source, workdir and env",
      {
        errors: [{ pointer: "/query/workdir", detail: "required with a YAML body" }],
      },
    );
  }
  return { source, workdir, env: {} };
}

function changeRoutes(site: Site): void {
  const { deps } = site;
  const { stacks } = deps.services;
  const removal = { path: "/stacks/{name}", id: "deleteStack", summary: "Take a stack down and forget it", answers: changeAnswers };
  const removeQuery = z.strictObject({ queue: flag.optional(), force: flag.optional(), volumes: flag.optional() });
  endpoint(site, { method: "delete", params: named, query: removeQuery, ...removal }, async (c, input) => {
    const { queue = false, force = false, volumes = false } = input.query;
    return answerChange(deps, c, await stacks.remove(input.params.name, { queue, force, volumes }));
  });

  const act = {
    path: "/stacks/{name}/services/{service}/{action}",
    id: "actOnService",
    summary: "Restart, start, stop, run (a one-shot), scale, promote, abort",
  };
  const params = z.strictObject({ name: stackName, service: serviceName, action: serviceAction });
  const query = z.strictObject({ queue: flag.optional() });
  endpoint(site, { method: "post", params, query, ...act, body: { schema: ActBody }, answers: changeAnswers }, async (c, input) => {
    const { name: stack, service, action } = input.params;
    const replicas = input.body.kind === "json" ? input.body.value.replicas : undefined;
    const target = { stack, service, action, queue: input.query.queue ?? true, ...(replicas !== undefined && { replicas }) };
    return answerChange(deps, c, await stacks.act(target));
  });
}
