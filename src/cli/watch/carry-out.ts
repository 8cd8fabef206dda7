import type { Client } from "../../client/client.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { PutStack, StackView } from "../../stack/view.ts";
import type { RunView } from "../../workflow/view.ts";
import { cancelIfUnderWay, succeeded } from "../change.ts";
import type { Context } from "../context.ts";
import { report } from "../exit.ts";
import { putRequest } from "../put.ts";
import type { Todo, Work } from "./decide.ts";
import { changedText } from "./words.ts";

export interface Outlet {
  readonly context: Context;
  readonly client: Client;
  readonly stack: string;
  readonly note: (text: string) => void;
  /** The stack is going down: nothing is asked for any more, and nothing told. */
  readonly closing: AbortSignal;
}

type Put = NonNullable<Todo["put"]>;

const DONE: Readonly<Record<Work["action"], string>> = { restart: "restarted", rebuild: "rebuilt", apply: "applied" };

/**
 * Carries out what changes ask for, the stack first; what fails is told. When the signal aborts, something newer is to be carried out: an update is
 * cancelled (what it began is undone), a restart goes on without being waited for. Resolves when it has ended, with false when it gave way and is
 * to be done again. Never rejects.
 */
export async function carryOut({ put, restarts }: Todo, outlet: Outlet, signal: AbortSignal): Promise<boolean> {
  const renewed = put ? await putAgain(put, outlet, signal) : new Set<string>();
  if (!renewed || outlet.closing.aborted) return false;
  await Promise.all(restarts.filter(({ service }) => !renewed.has(service)).map((work) => restart(work, outlet, signal)));
  return true;
}

/** Services that have new instances; undefined: it gave way. */
async function putAgain({ files, work }: Put, outlet: Outlet, signal: AbortSignal): Promise<Set<string> | undefined> {
  const { client, stack } = outlet;
  try {
    const before = instancesOf(await client.stack(stack));
    const run = await client.putStack(stack, again(outlet), { queue: true });
    if (!(await seeThrough(run, outlet, signal))) return undefined;
    const after = instancesOf(await client.stack(stack));
    const renewed = new Set([...after].filter(([service, ids]) => before.get(service) !== ids).map(([service]) => service));
    tellPut({ files, work }, renewed, outlet);
    return renewed;
  } catch (error) {
    const what =
      files.length > 0
        ? `${stack} not applied`
        : `${work.map(({ service }) => service).join(", ")} not ${DONE[work[0]?.action ?? "apply"]}`;
    fail(what, error, outlet);
    return new Set();
  }
}

function again({ context, stack }: Outlet): PutStack {
  const { name, body } = putRequest(context);
  if (name === stack) return body;
  throw new OrcoError("invalid", `stack.name has changed from ${stack} to ${name}: take this one down and bring that one up`);
}

function tellPut({ files, work }: Put, renewed: ReadonlySet<string>, { context, stack, note }: Outlet): void {
  const { cwd } = context.io;
  if (files.length > 0) note(`watch: ${stack} applied (${changedText(files, cwd)}): ${listed([...renewed])}`);
  for (const { service, action, paths } of work)
    note(`watch: ${service} ${renewed.has(service) ? DONE[action] : "is as it was"} (${changedText(paths, cwd)})`);
}

async function restart({ service, paths }: Work, outlet: Outlet, signal: AbortSignal): Promise<void> {
  const { context, client, stack, note } = outlet;
  try {
    const run = await client.act({ stack, service, action: "restart" }, { queue: true });
    const ended = await client.waitRun(run.id, { signal });
    succeeded(ended);
    note(`watch: ${service} restarted (${changedText(paths, context.io.cwd)})`);
  } catch (error) {
    if (outlet.closing.aborted) return;
    if (signal.aborted) note(`watch: ${service} was restarted and is not ready yet; the newer change goes first`);
    else fail(`${service} not restarted (${changedText(paths, context.io.cwd)})`, error, outlet);
  }
}

/** False: it had to give way to a newer change. */
async function seeThrough(run: RunView, { client, note, closing }: Outlet, signal: AbortSignal): Promise<boolean> {
  try {
    succeeded(await client.waitRun(run.id, { signal }));
    return true;
  } catch (error) {
    if (!signal.aborted) throw error;
    if (closing.aborted) return false;
    note("watch: the change under way is cancelled; the newer one goes first");
    await cancelIfUnderWay(client, run.id);
    return false;
  }
}

function fail(what: string, error: unknown, { context, note, closing }: Outlet): void {
  if (closing.aborted) return;
  note(`watch: ${what}:`);
  report(error, { ...context.io, err: (text) => note(text.trimEnd()) });
}

function instancesOf(view: StackView): Map<string, string> {
  return new Map(
    view.services.map(({ service, instances }) => [
      service,
      instances
        .map(({ id }) => id)
        .sort()
        .join(" "),
    ]),
  );
}

function listed(services: readonly string[]): string {
  if (services.length === 0) return "nothing had to be restarted";
  return `${services.slice(0, 5).join(", ")}${services.length > 5 ? ` and ${services.length - 5} more` : ""} renewed`;
}
