import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { Plan } from "./plan.ts";
import type { Concurrency, RunMode, RunRecord } from "./record.ts";

/** Of `metadata`, of `input`, and of the data of a signal, as JSON. */
export const MAX_OBJECT_BYTES = 256 * 1024;
export const MAX_RESULT_BYTES = 900 * 1024;
const MAX_TIMEOUT_MS = 366 * 86_400_000;
const NO_NAME = "run";

const label = z.string().min(1).max(200);
const object = z.record(z.string(), z.unknown());

/** The body of `POST /runs` and the `run` of a schedule. Source: runs.md. */
export const RunRequestBody = z
  .strictObject({
    name: label.optional(),
    metadata: object.optional().describe("256 KiB at most"),
    input: object.optional().describe("what steps see as ${input.…}; 256 KiB at most"),
    plan: z.looseObject({ steps: z.array(z.unknown()) }).optional(),
    external: z.boolean().optional().describe("a worker of yours claims and executes it; so without a plan"),
    concurrency_key: label.optional().describe("runs of one key share a lane"),
    concurrency: z
      .strictObject({
        limit: z.number().int().min(1).max(10_000).default(1),
        policy: z.enum(["queue", "reject", "replace"]).default("queue"),
      })
      .optional()
      .describe("of concurrency_key: how many run at once, and what becomes of one more"),
    priority: z.number().int().min(-100).max(100).optional().describe("higher first; 0 unless given"),
    timeout_ms: z.number().int().min(1).max(MAX_TIMEOUT_MS).optional().describe("from its first start"),
    webhook: z
      .union([
        z.string().max(2048),
        z.strictObject({
          url: z.string().max(2048),
          secret_env: z
            .string()
            .regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, "is no name of a variable")
            .optional()
            .describe("a variable of the daemon's environment: the secret that signs"),
        }),
      ])
      .optional()
      .describe("told of its end"),
  })
  .meta({ id: "NewRun" });

export type RunRequest = z.output<typeof RunRequestBody>;

/** The checks that others have written. */
export interface RequestChecks {
  /** Throws `invalid`. */
  readonly parsePlan: (plan: unknown) => Plan;
  /** Returns the URL in its normal form. Throws `invalid`. */
  readonly webhookUrl: (url: string) => string;
  /** Whether the daemon's environment has this variable. */
  readonly isSet: (variable: string) => boolean;
}

/** What is stored of a request. */
export interface NewRun extends Pick<RunRecord, "kind" | "mode" | "name" | "metadata" | "lane" | "priority"> {
  readonly plan?: Plan;
  readonly input: JsonObject;
  readonly concurrency?: Concurrency;
  readonly timeoutMs?: number;
  readonly webhook?: NonNullable<RunRecord["webhook"]>;
}

/** What a body asks for; `run` is the id it will have. Throws `invalid` or `too_large`, with the pointer of what is wrong. */
export function newRun(request: RunRequest, { run, mode }: { run: string; mode: RunMode }, checks: RequestChecks): NewRun {
  const { name = NO_NAME, metadata = {}, input = {}, priority = 0, timeout_ms: timeoutMs, concurrency_key: key } = request;
  const plan = request.plan === undefined ? undefined : checks.parsePlan(request.plan);
  const external = request.external === true || plan === undefined;
  if (external && mode !== "local")
    throw wrong(
      plan ? "/external" : "/plan",
      `a run of mode ${mode} needs a plan that ${mode} executes; leave out mode and a worker claims it`,
    );
  if (request.concurrency && key === undefined) throw wrong("/concurrency_key", "concurrency is of a concurrency_key, and there is none");
  bounded(metadata, "/metadata");
  bounded(input, "/input");
  const concurrency = key === undefined ? undefined : { key, limit: 1, policy: "queue" as const, ...request.concurrency };
  return {
    kind: external ? "external" : "plan",
    mode,
    name,
    metadata: metadata as JsonObject,
    input: input as JsonObject,
    lane: key === undefined ? `run/${run}` : `key/${key}`,
    priority,
    ...(plan && { plan }),
    ...(concurrency && { concurrency }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...webhookOf(request, checks),
  };
}

function webhookOf({ webhook }: RunRequest, { webhookUrl, isSet }: RequestChecks): Pick<NewRun, "webhook"> {
  if (webhook === undefined) return {};
  const { url, secret_env: secretEnv } = typeof webhook === "string" ? { url: webhook } : webhook;
  if (secretEnv !== undefined && !isSet(secretEnv))
    throw wrong("/webhook/secret_env", `${secretEnv} is not set in the daemon's environment: nothing could be signed with it`);
  return { webhook: { url: webhookUrl(url), ...(secretEnv !== undefined && { secretEnv }) } };
}

function bounded(value: object, pointer: string): void {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes <= MAX_OBJECT_BYTES) return;
  const detail = `${pointer.slice(1)} has ${bytes} bytes of JSON; ${MAX_OBJECT_BYTES} is the most`;
  throw new OrcoError("too_large", detail, { max_bytes: MAX_OBJECT_BYTES, errors: [{ pointer, detail }] });
}

function wrong(pointer: string, detail: string): OrcoError {
  return new OrcoError("invalid", detail, { errors: [{ pointer, detail }] });
}
