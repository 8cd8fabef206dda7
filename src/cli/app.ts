import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { AppStatus, AppView } from "../deploy/view.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { type Context, textOption } from "./context.ts";
import { appMeant } from "./deploy.ts";
import { usageError } from "./exit.ts";
import { repoMeant } from "./repo-meant.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";

const SHORT = 12;

const DO = { add, list, show, remove };

/** `orco app <action>`. */
export async function app(context: Context): Promise<undefined> {
  const [action, name = ""] = context.args;
  return DO[action as keyof typeof DO](context, name);
}

async function add(context: Context, name: string): Promise<undefined> {
  const { io, options, global } = context;
  const given = textOption(options, "repo");
  if (given === undefined) throw usageError(`app add needs a repository: orco app add ${name} --repo <path|url>`);
  const repo = repoMeant(given, io.cwd);
  const contract = contractFrom(context);
  const client = await ensureDaemon(context);
  const view = await client.putApp(name, { repo, ...(contract !== undefined && { contract }) }).catch((error: unknown) => {
    throw ofCommandLine(error);
  });
  if (global.json) io.out(`${JSON.stringify(view)}\n`);
  else context.note(`${addedText(view)}; next: orco deploy --app ${name} [commit]`);
  return undefined;
}

function addedText({ name, repo, created_at: created, updated_at: updated }: AppView): string {
  return created === updated ? `app ${name} deploys from ${repo}` : `app ${name} was there; it now deploys from ${repo}`;
}

/** What the daemon refuses of an app was on the command line. */
function ofCommandLine(error: unknown): unknown {
  if (!(error instanceof OrcoError) || error.code !== "invalid") return error;
  return new OrcoError(error.code, error.message, { ...error.facts, usage: true });
}

function contractFrom({ io, options }: Context): unknown {
  const file = textOption(options, "contract");
  if (file === undefined) return undefined;
  const wrong = (why: string): OrcoError => usageError(`--contract ${file}: ${why}`);
  let text: string;
  try {
    text = readFileSync(resolve(io.cwd, file), "utf8");
  } catch (error) {
    throw wrong(READ_TROUBLE[(error as NodeJS.ErrnoException).code ?? ""] ?? messageOf(error));
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw wrong(`it is not JSON: ${messageOf(error).replace(/^JSON Parse error: /, "")}`);
  }
}

const READ_TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "that is a folder; it takes a JSON file",
  EACCES: "it may not be read",
};

async function list(context: Context): Promise<undefined> {
  const apps = await (await context.client()).apps();
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ apps })}\n`);
  else if (apps.length === 0) context.note("there is no app yet; make one: orco app add <name> --repo <path|url>");
  else io.out(`${alignRows([["APP", "PORT", "SLOT", "COMMIT", "HEALTHY", "RESTARTS", "MESSAGE"], ...apps.map(rowOf)], io.columns())}\n`);
  return undefined;
}

function rowOf({ name, status }: AppView): string[] {
  const { port, live_slot: slot, live_commit: commit, healthy, restarts, message } = status;
  return [
    name,
    String(port ?? "-"),
    slot ?? "-",
    commit?.slice(0, SHORT) ?? "-",
    String(healthy),
    String(restarts),
    oneLine(message ?? ""),
  ];
}

async function show(context: Context, name: string): Promise<undefined> {
  const view = await (await context.client()).app(name);
  context.io.out(`${JSON.stringify(view, null, context.global.json ? 0 : 2)}\n`);
  return undefined;
}

async function remove(context: Context, name: string): Promise<undefined> {
  await (await context.client()).removeApp(name);
  context.note(`app ${name} is stopped and forgotten`);
  return undefined;
}

/** `orco status --app`. */
export async function appStatus(context: Context): Promise<undefined> {
  const client = await context.client();
  const status = await client.appStatus(await appMeant(context, client));
  context.io.out(context.global.json ? `${JSON.stringify(status)}\n` : `${statusText(status)}\n`);
  return undefined;
}

function statusText(status: AppStatus): string {
  const { app: name, port, healthy, message, restarts, run } = status;
  const rows = [
    ["app", name],
    ["port", String(port ?? "-")],
    ["live", slotText(status.live_slot, status.live_commit)],
    ["previous", slotText(status.previous_slot, status.previous_commit)],
    ["deployed", status.last_deploy_time ?? "never"],
    ["healthy", `${healthy}${message === undefined ? "" : `: ${oneLine(message)}`}`],
    ["restarts", String(restarts)],
    ...(run === undefined ? [] : [["run", run]]),
  ];
  return alignRows(rows);
}

function slotText(slot: string | null, commit: string | null): string {
  return slot === null ? "-" : `${slot} ${commit?.slice(0, SHORT) ?? ""}`;
}
