import { z } from "@hono/zod-openapi";
import { AUDIT_ANSWERS } from "./answers-audit.ts";
import { CATALOG_ANSWERS } from "./answers-inference-catalog.ts";
import { NODE_ANSWERS } from "./answers-inference-nodes.ts";
import { TASK_ANSWERS } from "./answers-inference-tasks.ts";
import { POOL_ANSWERS } from "./answers-inference-pools.ts";
import { SESSION_ANSWERS } from "./answers-inference-sessions.ts";
import { REPAIR_ANSWERS } from "./answers-repair.ts";
import { Run, RUN_ANSWERS } from "./answers-runs.ts";

/** The wire objects as they are documented. The types that code uses are in `stack/view.ts` and `http/wire.ts`; a test holds real answers against these. */

const Diagnostic = z
  .object({
    severity: z.enum(["error", "unsupported", "warning"]),
    file: z.string(),
    line: z.number().int(),
    column: z.number().int(),
    path: z.string(),
    message: z.string(),
    source: z.string().optional(),
    hint: z.string().optional(),
  })
  .openapi("Diagnostic");

const Problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    message: z.string(),
    request_id: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    diagnostics: z.array(Diagnostic).optional(),
  })
  .openapi("Problem");

const InstanceState = z.enum(["Pending", "Starting", "Running", "Stopping", "Stopped", "Failed"]);

const Instance = z
  .object({
    id: z.string(),
    replica: z.number().int(),
    pid: z.number().int().optional(),
    container: z.string().optional(),
    state: InstanceState,
    ready: z.boolean(),
    restarts: z.number().int(),
    age_ms: z.number(),
    address: z.string().optional(),
    config: z.string(),
    version: z.enum(["old", "new"]),
    reason: z.string().optional(),
    exit: z.object({ code: z.number().int().optional(), signal: z.string().optional(), reason: z.string() }).optional(),
    cpu_percent: z.number().optional(),
    memory_bytes: z.number().optional(),
  })
  .openapi("Instance");

const Service = z
  .object({
    service: z.string(),
    state: InstanceState,
    ready: z.boolean(),
    replicas: z.object({ ready: z.number().int(), live: z.number().int(), desired: z.number().int() }),
    restarts: z.number().int(),
    age_ms: z.number(),
    message: z.string(),
    degraded: z.string().optional(),
    update: z.object({ strategy: z.string(), phase: z.string(), since_ms: z.number() }).optional(),
    schedule: z
      .object({
        cron: z.string(),
        timezone: z.string().optional(),
        next: z.string().optional(),
        last: z.object({ at: z.string(), outcome: z.enum(["completed", "failed", "canceled"]), run: z.string() }).optional(),
      })
      .optional(),
    instances: z.array(Instance),
  })
  .openapi("Service");

const Stack = z.object({ stack: z.string(), file: z.string().optional(), services: z.array(Service) }).openapi("Stack");

const StackList = z
  .object({
    stacks: z.array(
      z.object({
        stack: z.string(),
        file: z.string().optional(),
        services: z.number().int(),
        ready: z.number().int(),
        desired: z.enum(["up", "down"]),
      }),
    ),
  })
  .openapi("StackList");

const Plan = z
  .object({
    stack: z.string(),
    changes: z.number().int(),
    services: z.array(
      z.object({
        service: z.string(),
        action: z.enum(["add", "remove", "change", "scale", "unchanged"]),
        strategy: z.string().optional(),
        fields: z.array(z.object({ path: z.string(), from: z.unknown().optional(), to: z.unknown().optional() })),
      }),
    ),
    warnings: z.array(Diagnostic),
  })
  .openapi("Plan");

const Graph = z
  .object({
    nodes: z.array(z.object({ service: z.string(), layer: z.number().int(), state: z.string().optional(), ready: z.boolean().optional() })),
    edges: z.array(z.object({ from: z.string(), to: z.string(), require: z.string() })),
  })
  .openapi("Graph");

const Event = z
  .looseObject({ id: z.string(), seq: z.number().int(), ts: z.string(), topic: z.string(), type: z.string() })
  .openapi("Event");

const EventList = z.object({ events: z.array(Event), next_cursor: z.string().optional() }).openapi("EventList");

const LogLine = z
  .object({
    timestamp: z.string(),
    service: z.string(),
    replica: z.number().int(),
    level: z.string().optional(),
    message: z.string(),
    source: z.enum(["stdout", "stderr", "orco"]),
    meta: z.record(z.string(), z.unknown()).optional(),
    seq: z.number().int(),
  })
  .openapi("LogRecord");

const Health = z.object({ ok: z.boolean(), service: z.string(), version: z.string() }).openapi("Health");

const Ready = z
  .object({
    ok: z.boolean(),
    checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string(), warning: z.string().optional() })),
  })
  .openapi("Ready");

const Version = z
  .object({ service: z.string(), version: z.string(), runtime: z.string(), queue: z.string().optional().describe("of runs, in Redis") })
  .openapi("Version");
const Config = z.record(z.string(), z.unknown()).openapi("Config");
const Done = z.object({ ok: z.boolean() }).openapi("Done");

const PlanOrRun = z.union([Plan, Run]);
const Text = z.string();

const slotName = z.enum(["blue", "green"]).nullable();
const outcome = {
  success: z.boolean(),
  slot: slotName,
  commit: z.string().nullable(),
  app: z.string(),
  run: z.string(),
  warnings: z.array(z.string()).optional(),
};
const DeployResult = z.object({ ...outcome, previous_commit: z.string().nullable() }).openapi("DeployResult");
const RollbackResult = z.object(outcome).openapi("RollbackResult");

const AppStatus = z
  .object({
    live_slot: slotName,
    live_commit: z.string().nullable(),
    previous_slot: slotName,
    previous_commit: z.string().nullable(),
    last_deploy_time: z.string().nullable(),
    healthy: z.boolean(),
    app: z.string(),
    port: z.number().int().nullable(),
    restarts: z.number().int(),
    message: z.string().optional(),
    run: z.string().optional(),
  })
  .openapi("AppStatus");

const App = z
  .object({
    name: z.string(),
    repo: z.string(),
    contract: z.looseObject({}).nullable(),
    created_at: z.string(),
    updated_at: z.string(),
    status: AppStatus,
  })
  .openapi("App");

const AppList = z.object({ apps: z.array(App) }).openapi("AppList");

const ReleaseList = z
  .object({
    releases: z.array(
      z.object({
        run: z.string(),
        kind: z.enum(["deploy", "rollback"]),
        commit: z.string(),
        subject: z.string(),
        slot: z.enum(["blue", "green"]),
        state: z.enum(["live", "previous", "retired", "failed", "pending"]),
        at: z.string(),
        error: z.object({ code: z.string(), message: z.string() }).optional(),
      }),
    ),
    next_cursor: z.string().optional(),
  })
  .openapi("ReleaseList");

export const ANSWERS = {
  DeployResult,
  RollbackResult,
  AppStatus,
  App,
  AppList,
  ReleaseList,
  Problem,
  Stack,
  StackList,
  ...RUN_ANSWERS,
  ...NODE_ANSWERS,
  ...TASK_ANSWERS,
  ...POOL_ANSWERS,
  ...SESSION_ANSWERS,
  ...CATALOG_ANSWERS,
  ...REPAIR_ANSWERS,
  ...AUDIT_ANSWERS,
  Plan,
  Graph,
  Event,
  EventList,
  LogLine,
  Health,
  Ready,
  Version,
  Config,
  Done,
  PlanOrRun,
  Text,
} as const;
