import { writeFileSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { type SuiteOptions, SetupError } from "../../conformance/deploy/options.ts";
import { exitCodeOf, lineOf, summaryOf } from "../../conformance/deploy/report.ts";
import { SCENARIOS } from "../../conformance/deploy/scenarios.ts";
import { runSuite } from "../../conformance/deploy/suite.ts";
import { TIMING } from "../../conformance/deploy/timing.ts";
import { type Context, countOf, textOption } from "./context.ts";
import { usageError } from "./exit.ts";

const MAX_GRACE_MS = 600_000;

/** Tries a deploy orchestrator, any deploy orchestrator, from outside. Exit 0: nothing failed. Errors: usage, also when nothing could be tested. */
export async function conformance(context: Context): Promise<number> {
  const [suite = "", report] = context.args;
  if (suite !== "deploy") throw usageError(`there is no suite ${JSON.stringify(suite)}: the only one is \`orco conformance deploy\``);
  const { io, global } = context;
  const { scenarios, ...rest } = await runSuite(optionsOf(context), (result) => {
    if (!global.json || report !== undefined) io.out(`${lineOf(result)}\n`);
  }).catch((error: unknown) => {
    throw error instanceof SetupError ? usageError(error.message) : error;
  });
  const json = JSON.stringify({ ...rest, scenarios }, undefined, 2);
  if (report !== undefined) writeFileSync(isAbsolute(report) ? report : join(io.cwd, report), `${json}\n`);
  else if (global.json) io.out(`${json}\n`);
  context.note(summaryOf(scenarios));
  return exitCodeOf(scenarios);
}

function optionsOf({ options, io }: Context): SuiteOptions {
  const given = Object.fromEntries(
    (["url", "proxy", "start", "stop", "setup", "repo"] as const).flatMap((name) => {
      const value = textOption(options, name);
      return value === undefined ? [] : [[name, name === "repo" && !isAbsolute(value) ? join(io.cwd, value) : value]];
    }),
  ) as Partial<SuiteOptions>;
  if (given.start === undefined && given.url === undefined)
    throw usageError('say what to test: --start "COMMAND", or --url http://… with --proxy http://…');
  if (given.start === undefined && given.proxy === undefined)
    throw usageError("--url needs --proxy too: where the app is reached from outside, such as http://127.0.0.1:3001");
  if (given.start !== undefined && given.repo !== undefined)
    throw usageError("--repo goes with --url: with --start every scenario has a repository of its own, {repo}");
  const only = textOption(options, "only");
  const grace = textOption(options, "killGrace");
  return {
    ...given,
    headers: Object.fromEntries(listOf(options["header"]).map(headerOf)),
    contract: fieldsOf(textOption(options, "contract")),
    ...(only !== undefined && { only: only.split(",").map(idOf) }),
    skip: new Map(listOf(options["skip"]).map(skipOf)),
    timing: { ...TIMING, ...(grace !== undefined && { killGraceMs: countOf(grace, "--kill-grace", { max: MAX_GRACE_MS }) }) },
  };
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function headerOf(text: string): [name: string, value: string] {
  const at = text.indexOf(":");
  if (at < 1) throw usageError(`--header takes "Name: value", not ${JSON.stringify(text)}`);
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

function idOf(text: string): number {
  const id = countOf(text.trim(), "--only");
  if (!SCENARIOS.some((scenario) => scenario.id === id))
    throw usageError(`there is no scenario ${id}: they go from 1 to ${SCENARIOS.length}`);
  return id;
}

/** Those of the document are never left out: without them it is another thing that was built. */
function skipOf(text: string): [id: number, reason: string] {
  const [, id = "", reason = ""] = /^(\d+):\s*(.+)$/s.exec(text) ?? [];
  if (reason === "") throw usageError(`--skip takes "NUMBER: why it does not apply", not ${JSON.stringify(text)}`);
  if (SCENARIOS.find((scenario) => scenario.id === idOf(id))?.level === "document")
    throw usageError(`scenario ${id} is one of the document's own: it cannot be left out`);
  return [Number(id), reason];
}

function fieldsOf(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw usageError(`--contract takes a JSON object with more fields, such as '{"stop_timeout_ms": 500}', not ${text}`);
}
