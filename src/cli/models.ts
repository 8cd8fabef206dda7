import type { InferenceClient } from "../client/inference.ts";
import type { ModelView } from "../inference/catalog/model.ts";
import { alignRows } from "../terminal/table.ts";
import { type Context, textOption } from "./context.ts";
import { runFailed, usageError } from "./exit.ts";
import { modelRows, share } from "./inference-text.ts";
import { Screen } from "./screen.ts";

const LOOK_MS = 250;

const DO = {
  list,
  show,
  add,
  verify: (context: Context, id: string) => work(context, id, "verify"),
  fetch: (context: Context, id: string) => work(context, id, "fetch"),
  retire: (context: Context, id: string) => setState(context, id, "Retired"),
  activate: (context: Context, id: string) => setState(context, id, "Active"),
  remove,
};

/** `orco models <action>`. */
export async function models(context: Context): Promise<undefined> {
  const [action, id = ""] = context.args;
  return DO[action as keyof typeof DO](context, id);
}

async function list(context: Context): Promise<undefined> {
  const found = await (await context.client()).inference.models();
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ models: found })}\n`);
  else if (found.length === 0)
    context.note(
      "the catalog is empty, and models that pools serve need no entry (orco pools); add one: orco models add <id> <file|https:|hf:>",
    );
  else io.out(`${alignRows(modelRows(found), io.columns())}\n`);
  return undefined;
}

async function show(context: Context, id: string): Promise<undefined> {
  const model = await (await context.client()).inference.model(id);
  context.io.out(`${JSON.stringify(model, null, context.global.json ? 0 : 2)}\n`);
  return undefined;
}

async function add(context: Context, id: string): Promise<undefined> {
  const { options, args } = context;
  const digest = textOption(options, "digest");
  const tags = textOption(options, "tags")?.split(",").filter(Boolean) ?? [];
  const client = await context.client();
  const body = { id, source_url: args[2] ?? "", tags, ...(digest !== undefined && { digest }) };
  tell(context, await client.inference.addModel(body), `model ${id} is in the catalog`);
  return undefined;
}

async function setState(context: Context, id: string, state: ModelView["state"]): Promise<undefined> {
  tell(context, await (await context.client()).inference.setModelState(id, state), `model ${id} is ${state}`);
  return undefined;
}

async function remove(context: Context, id: string): Promise<undefined> {
  await (await context.client()).inference.removeModel(id);
  context.note(`model ${id} is forgotten; its file stays`);
  return undefined;
}

/** Begins it and shows how far it is, until it has ended. */
async function work(context: Context, id: string, what: "verify" | "fetch"): Promise<undefined> {
  if (id === "") throw usageError(`models ${what} takes a model`);
  const { inference } = await context.client();
  let model = await inference.workOnModel(id, what);
  if (context.options["detach"] !== true) model = await settled(context, inference, model);
  tell(context, model, outcome(model, what));
  if (model.fetch.status === "failed") throw runFailed(`model ${id} could not be fetched: ${model.fetch.error ?? "nobody knows why"}`);
  if (what === "verify" && model.verification.status !== "verified" && !isUnderWay(model))
    throw runFailed(`model ${id} is ${model.verification.status}: ${model.verification.detail ?? "it was not looked at"}`);
  return undefined;
}

async function settled({ io, global }: Context, inference: InferenceClient, first: ModelView): Promise<ModelView> {
  const screen = io.tty && !global.json && !global.quiet ? new Screen(io) : undefined;
  let model = first;
  try {
    while (isUnderWay(model)) {
      screen?.draw(underWay(model));
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      model = await inference.model(model.id);
    }
    return model;
  } finally {
    screen?.end();
  }
}

function isUnderWay({ fetch, verification }: ModelView): boolean {
  return fetch.status === "fetching" || verification.status === "verifying";
}

function underWay({ id, fetch, verification }: ModelView): string {
  if (fetch.status === "fetching") return `fetching ${id}: ${share(fetch.bytes_done, fetch.bytes_total)}`;
  return `verifying ${id}: ${share(verification.bytes_done, verification.bytes_total)}`;
}

function outcome(model: ModelView, what: "verify" | "fetch"): string {
  if (isUnderWay(model)) return underWay(model);
  return what === "fetch" ? `model ${model.id} is ${model.fetch.status}` : `model ${model.id} is ${model.verification.status}`;
}

function tell(context: Context, model: ModelView, text: string): void {
  if (context.global.json) context.io.out(`${JSON.stringify(model)}\n`);
  else context.note(text);
}
