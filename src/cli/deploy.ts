import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../client/client.ts";
import type { AppView, ReleaseView } from "../deploy/view.ts";
import { OrcoError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/event.ts";
import type { RunView } from "../workflow/view.ts";
import { announce } from "./change.ts";
import { countOf, type Context, textOption } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { followSteps } from "./deploy-progress.ts";
import { deployFailed } from "./deploy-text.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";

/** 128 + SIGINT, as a shell says it. */
const INTERRUPTED = 130;
const SHORT = 12;

export async function deploy(context: Context): Promise<number | undefined> {
  const client = await clientForChange(context);
  const app = await appMeant(context, client);
  const [commit = "HEAD"] = context.args;
  return follow(context, client, await client.deploy(app, commit));
}

export async function rollback(context: Context): Promise<number | undefined> {
  const client = await clientForChange(context);
  return follow(context, client, await client.rollback(await appMeant(context, client)));
}

/** Where there are apps, their daemon is started when none runs, as `orco up` does it. */
async function clientForChange(context: Context): Promise<Client> {
  return existsSync(join(context.home, "apps")) ? ensureDaemon(context) : context.client();
}

export async function releases(context: Context): Promise<undefined> {
  const client = await context.client();
  const limit = countOf(textOption(context.options, "limit") ?? "20", "--limit", { min: 1, max: 500 });
  const found = await client.releases(await appMeant(context, client), { limit });
  const { io, global } = context;
  if (global.json) io.out(`${JSON.stringify({ releases: found })}\n`);
  else if (found.length === 0) context.note("nothing has been deployed yet; orco deploy does it");
  else io.out(`${alignRows([["RELEASED", "STATE", "KIND", "SLOT", "COMMIT", "SUBJECT"], ...found.map(releaseRow)], io.columns())}\n`);
  return undefined;
}

/** `--app`, else the only one, else the one named `default`. */
export async function appMeant(context: Context, client: Client): Promise<string> {
  const named = textOption(context.options, "app");
  if (named !== undefined) return named;
  const names = (await client.apps()).map(({ name }: AppView) => name);
  if (names.length === 1 && names[0] !== undefined) return names[0];
  if (names.includes("default")) return "default";
  if (names.length === 0) throw new OrcoError("not_found", "there is no app yet; make one: orco app add <name> --repo <path|url>");
  throw usageError(`there are ${names.length} apps; say which with --app: ${names.join(", ")}`);
}

async function follow(context: Context, client: Client, run: RunView): Promise<number | undefined> {
  if (context.options["detach"] === true) return announce(context, run);
  const stop = interrupt();
  try {
    const ended = await followSteps(context, client, { run, signal: stop.signal });
    if (context.global.json) context.io.out(`${JSON.stringify(ended)}\n`);
    if (ended.status !== "completed") throw deployFailed(ended);
    if (!context.global.json) context.note(doneLine(ended));
    return undefined;
  } catch (error) {
    if (!stop.signal.aborted) throw daemonGone(error, run);
    context.note(`run ${run.id} goes on; see it: orco runs ${run.id}, cancel it: orco cancel ${run.id}`);
    return INTERRUPTED;
  } finally {
    stop.release();
  }
}

/** The daemon has been away for long: a new one goes on with the run. */
function daemonGone(error: unknown, { id }: RunView): unknown {
  if (!(error instanceof OrcoError) || error.code !== "unreachable") return error;
  const next = `run ${id} goes on, or is undone, when a daemon is started: orco serve; then orco runs ${id}`;
  return new OrcoError("unreachable", "the daemon has gone while the run was under way, and has not come back", { next, known: true });
}

function doneLine({ kind, ...run }: RunView): string {
  const result = isJsonObject(run.result) ? run.result : {};
  const [app, commit, slot] = ["app", "commit", "slot"].map((name) => textOf(result[name]));
  const done = kind === "rollback" ? "went back to" : "is live at";
  const warnings = result["warnings"];
  const said = Array.isArray(warnings) ? warnings.map((one) => `\n  warning: ${oneLine(textOf(one))}`).join("") : "";
  return `${app} ${done} ${commit?.slice(0, SHORT)} (slot ${slot})${said}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "-");
}

function releaseRow({ at, state, kind, slot, commit, subject, error }: ReleaseView): string[] {
  return [at.replace("T", " ").slice(0, 19), state, kind, slot, commit.slice(0, SHORT), oneLine(error ? failureText(error) : subject)];
}

function failureText({ code, message }: { code: string; message: string }): string {
  return message.startsWith(code) ? message : `${code}: ${message}`;
}
