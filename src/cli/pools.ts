import type { NewPool } from "../inference/service.ts";
import { alignRows } from "../terminal/table.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { usageError } from "./exit.ts";
import { poolRows } from "./inference-text.ts";
import { durationOption } from "./time.ts";

const DO = { list, health, add, remove, drain, resume, reload, purge };

/** `orco pools <action>`. */
export async function pools(context: Context): Promise<undefined> {
  const [action, id = ""] = context.args;
  return DO[action as keyof typeof DO](context, id);
}

async function list(context: Context): Promise<undefined> {
  const found = await (await context.client()).inference.pools();
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ pools: found })}\n`);
  else if (found.length === 0)
    context.note(
      "there is no pool; add one: orco pools add <id> --engine llamacpp --url http://127.0.0.1:8080, or give a service the label pool",
    );
  else io.out(`${alignRows(poolRows(found), io.columns())}\n`);
  return undefined;
}

async function health(context: Context, id: string): Promise<undefined> {
  const found = await (await context.client()).inference.poolHealth(id);
  context.io.out(`${JSON.stringify(found, null, context.global.json ? 0 : 2)}\n`);
  return undefined;
}

async function add(context: Context, id: string): Promise<undefined> {
  const body = poolOf(context, id);
  const made = await (await context.client()).inference.addPool(body);
  if (context.global.json) context.io.out(`${JSON.stringify(made)}\n`);
  else context.note(`pool ${id} is there${made.ready ? "" : "; its engine does not answer yet"}`);
  return undefined;
}

/** One replica for each URL, named by its place. */
function poolOf({ options }: Context, id: string): NewPool {
  const [engine, urls] = [textOption(options, "engine"), textOption(options, "url")];
  if (engine === undefined || urls === undefined)
    throw usageError(`pools add needs --engine and --url: orco pools add ${id} --engine llamacpp --url http://127.0.0.1:8080`);
  const [models, policy, key] = ["models", "policy", "apiKeyEnv"].map((name) => textOption(options, name));
  const slots = textOption(options, "slots");
  const about = {
    ...(slots !== undefined && { slots: countOf(slots, "--slots", { min: 1 }) }),
    ...(key !== undefined && { api_key_env: key }),
  };
  return {
    id,
    engine,
    ...(models !== undefined && { models: models.split(",").filter(Boolean) }),
    ...(policy !== undefined && { policy }),
    replicas: urls.split(",").map((url, n) => ({ id: `r${n}`, url, ...about })),
  };
}

async function remove(context: Context, id: string): Promise<undefined> {
  await (await context.client()).inference.removePool(id);
  context.note(`pool ${id} is forgotten; its engines run on`);
  return undefined;
}

async function drain(context: Context, id: string): Promise<undefined> {
  const given = textOption(context.options, "deadline");
  const body = given === undefined ? {} : { deadline_ms: durationOption(given, "--deadline") };
  await (await context.client()).inference.workOnPool(id, "drain", body);
  context.note(`pool ${id} takes no new tasks until it is resumed: orco pools resume ${id}`);
  return undefined;
}

async function resume(context: Context, id: string): Promise<undefined> {
  await (await context.client()).inference.workOnPool(id, "resume");
  context.note(`pool ${id} takes tasks again`);
  return undefined;
}

async function reload(context: Context, id: string): Promise<undefined> {
  const model = context.args[2] ?? "";
  await (await context.client()).inference.workOnPool(id, "reload", { new_model_ref: model });
  context.note(`pool ${id} is asked for ${model} and serves what it has meanwhile; see it: orco pools health ${id}`);
  return undefined;
}

async function purge(context: Context, id: string): Promise<undefined> {
  await (await context.client()).inference.workOnPool(id, "purge");
  context.note(`what waited in pool ${id} has ended; what runs goes on`);
  return undefined;
}
