import { parse } from "yaml";
import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import { masksOf, secretsIn } from "../masks.ts";
import { type ComposeCommand, type ComposeProject, howItEnded, runCompose } from "./run.ts";

/** Python on a busy machine takes seconds. */
const RENDER_TIMEOUT_MS = 60_000;

export interface RenderCall {
  readonly run?: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly redactor?: Redactor;
  readonly env?: Readonly<Record<string, string>>;
}

/** The effective configuration, `services`, `volumes` and the rest; a `$` in it is written `$$`, so that compose can read it again. May hold secrets. */
export async function renderCompose(compose: ComposeCommand, project: ComposeProject, call: RenderCall): Promise<JsonObject> {
  // What compose says of a file it cannot read may quote it, before anybody knows the secrets of its services.
  const { redactor = redactorOf(project) } = call;
  const ran = await runCompose(compose, {
    ...call,
    redactor,
    project,
    // Services of every profile.
    args: compose.major === 1 ? ["config"] : ["--profile", "*", "config", "--format", "json"],
    timeoutMs: RENDER_TIMEOUT_MS,
    wantsAnswer: true,
  });
  const file = project.files[0] ?? project.directory;
  const refused = (why: string): OrcoError =>
    new OrcoError("compose_invalid", `${file} does not render: ${why}`, { file, output: ran.lines });
  if (!ran.ok) throw refused(told(ran.lines) ?? `${compose.argv.join(" ")} config ${howItEnded(ran, RENDER_TIMEOUT_MS)}`);
  const config: unknown = compose.major === 1 ? yaml(ran.answer) : json(ran.answer);
  if (typeof config === "object" && config !== null && isJsonObject(config as Json)) return config as JsonObject;
  throw refused("the answer of compose cannot be read");
}

function redactorOf({ envFile }: ComposeProject): Redactor {
  const config = { environment: {}, raw: {} };
  return masksOf(secretsIn({ config, envFiles: envFile === undefined ? [] : [envFile], daemonEnv: {} }));
}

/** Of one section (`services`, `volumes`, …), by name. */
export function sectionOf(config: JsonObject, section: string): ReadonlyMap<string, JsonObject> {
  const found = config[section];
  if (!isJsonObject(found)) return new Map();
  return new Map(Object.entries(found).map(([name, value]) => [name, isJsonObject(value) ? value : {}]));
}

/** Compose's own words, without the warnings before them. */
function told(lines: readonly string[]): string | undefined {
  const words = lines.filter((line) => line.trim() !== "" && !/level=warning|variable is not set\. Defaulting/.test(line));
  return words.length === 0 ? undefined : words.slice(0, 5).join(" ").slice(0, 1000);
}

function yaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
