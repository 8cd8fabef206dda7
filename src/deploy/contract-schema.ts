import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { jsonPointer, parseStrictJson } from "../kernel/strict-json.ts";
import * as field from "./contract-fields.ts";
import type { AppContract } from "./contract.ts";

/** A contract is some hundred bytes; whoever sends more has sent something else. */
const MAX_CONTRACT_BYTES = 256 * 1024;
/** After these the rest is noise. */
const MAX_ERRORS = 20;
const MAX_ENTRIES = 1000;

const object = field.must("an object");
const list = field.must("a list");

/** `{file}` or `{env}`: exactly one. */
const reference = { file: field.absolutePath.exactOptional(), env: field.anyVariableName.exactOptional() };
const onlyOne = "must have either file or env";

function isOne({ file, env }: { file?: string; env?: string }): boolean {
  return (file === undefined) !== (env === undefined);
}

const secret = z
  .strictObject({ ...reference, as: z.enum(["env", "file"], { error: field.must('"env" or "file"') }).default("env") }, { error: object })
  .refine(isOne, onlyOne)
  .transform((value) => value as AppContract["secrets"][string]);

const alert = z.strictObject(
  {
    webhook: field.webhookUrl,
    secret: z
      .strictObject(reference, { error: object })
      .refine(isOne, onlyOne)
      .transform((value) => value as NonNullable<AppContract["alerts"][number]["secret"]>)
      .exactOptional(),
  },
  { error: object },
);

const schemaStatus = z
  .strictObject({ command: field.command.exactOptional(), endpoint: field.endpoint.exactOptional() }, { error: object })
  .refine(({ command, endpoint }) => (command === undefined) !== (endpoint === undefined), "must have either command or endpoint")
  .transform((value) => value as NonNullable<AppContract["schema_status"]>);

const Contract = z.strictObject(
  {
    start_command: field.command,
    port: field.port,
    internal_port: field.internalPort,
    health_endpoint: field.endpoint.default("/healthz"),
    health_timeout_ms: field.durationMs.default(5000),
    drain_timeout_ms: field.patienceMs.default(10_000),

    build_command: field.command.exactOptional(),
    build_timeout_ms: field.durationMs.default(600_000),
    env: z.record(field.variableName, field.variableValue, { error: object }).default({}),
    secrets: z.record(field.variableName, secret, { error: object }).default({}),
    stop_signal: field.signal.default("SIGTERM"),
    stop_timeout_ms: field.patienceMs.default(10_000),
    on_busy: z.enum(["reject", "queue"], { error: field.must('"reject" or "queue"') }).default("reject"),
    auto_rollback: z
      .strictObject({ window_ms: field.durationMs, max_restarts: field.wholeNumber(0, 1000) }, { error: object })
      .exactOptional(),
    pre_deploy: field.command.exactOptional(),
    post_deploy: field.command.exactOptional(),
    schema_status: schemaStatus.exactOptional(),
    protected_paths: z.array(field.glob, { error: list }).max(MAX_ENTRIES).default([]),
    diff_limits: z
      .strictObject(
        { max_files: field.wholeNumber(0, 1e9).exactOptional(), max_lines: field.wholeNumber(0, 1e9).exactOptional() },
        { error: object },
      )
      .exactOptional(),
    alerts: z.array(alert, { error: list }).max(20, "more than 20 webhooks").default([]),

    address: field.ipAddress.exactOptional(),
    hosts: z.array(field.hostName, { error: list }).max(MAX_ENTRIES).exactOptional(),
    tls: z
      .array(z.strictObject({ cert: field.absolutePath, key: field.absolutePath }, { error: object }), { error: list })
      .max(MAX_ENTRIES)
      .exactOptional(),
  },
  { error: object },
);

interface Finding {
  readonly pointer: string;
  readonly detail: string;
}

/**
 * A contract with its defaults filled in. `where` names it in the message ("orco.app.json"); `root` is the JSON pointer under which it was found.
 * Throws `invalid` (facts: errors [{pointer, detail}]).
 */
export function parseContract(value: unknown, where: string, root = ""): AppContract {
  const result = Contract.safeParse(value);
  const errors = result.success ? clashes(result.data) : result.error.issues.flatMap(explained);
  if (result.success && errors.length === 0) return result.data;
  throw refusal(errors, where, root);
}

/** `orco.app.json` as a person wrote it. Throws `invalid` (facts: errors) or `too_large`. */
export function parseContractText(text: string, where: string): AppContract {
  return parseContract(parseStrictJson(text, { where, maxBytes: MAX_CONTRACT_BYTES }), where);
}

/** JSON Schema 2020-12 of `orco.app.json`, from what validates it: `GET /schemas/contract.json`, and editors. */
export function contractSchema(): JsonObject {
  const schema = z.toJSONSchema(Contract, { io: "input" }) as JsonObject;
  return { ...schema, $id: "contract.json", title: "orco.app.json, the contract of an app" };
}

function refusal(errors: readonly Finding[], where: string, root: string): OrcoError {
  const [first] = errors;
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  const said = first?.pointer ? `${first.pointer.slice(1).replaceAll("/", ".")} ${first.detail}` : (first?.detail ?? "is not valid");
  const shown = errors.slice(0, MAX_ERRORS).map(({ pointer, detail }) => ({ pointer: root + pointer, detail }));
  return new OrcoError("invalid", `${where}: ${said}${rest}`, { errors: shown });
}

function explained(issue: z.core.$ZodIssue): Finding[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(issue.path, key));
  const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
  return [{ pointer: jsonPointer(issue.path), detail: inner ?? issue.message }];
}

function unknownKey(path: readonly PropertyKey[], key: string): Finding {
  const meant = didYouMean(key, keysAt(path));
  return { pointer: jsonPointer([...path, key]), detail: `is not known${meant === undefined ? "" : `; ${meant}`}` };
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(Contract.shape),
  secrets: ["file", "env", "as"],
  alerts: Object.keys(alert.shape),
  secret: ["file", "env"],
  schema_status: ["command", "endpoint"],
  auto_rollback: ["window_ms", "max_restarts"],
  diff_limits: ["max_files", "max_lines"],
  tls: ["cert", "key"],
};

function keysAt(path: readonly PropertyKey[]): readonly string[] {
  const name = path[0] === "alerts" && path.length > 2 ? "secret" : String(path[0] ?? "");
  return KEYS[name] ?? [];
}

/** What fields mean to each other. */
function clashes({ port, internal_port: blue, env, secrets }: AppContract): Finding[] {
  const found: Finding[] = [];
  if (port === blue || port === blue + 1) {
    const detail = `${port} is the port of slot ${port === blue ? "blue" : "green"}: slots listen on internal_port and the next one`;
    found.push({ pointer: "/port", detail });
  }
  for (const name of Object.keys(secrets))
    if (Object.hasOwn(env, name)) found.push({ pointer: jsonPointer(["secrets", name]), detail: "is also in env" });
  return found;
}
