import { constants } from "node:os";
import { byForm, type Field, flag, list, mapped, number, object, oneOf, parsedText, type Read, record, text } from "./field.ts";
import { health, timedCommand } from "./health-shape.ts";
import { didYouMean } from "../../kernel/nearest.ts";
import { ports } from "./ports.ts";
import { volumes } from "./volumes.ts";
import { amount, command, count, cpu, duration, positiveDuration, share, size } from "./units.ts";

/** Everything a stack.yaml may say (design: stack.md, Schema), field by field. Defaults and what fields mean to each other are in `resolve.ts`. */

export const NAME_PATTERN = "^[a-z0-9][a-z0-9-]{0,62}$";
const NAME = new RegExp(NAME_PATTERN);
const NAME_RULE = "1 to 63 of a-z, 0-9 and -, not starting with -";
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const RESERVED = new Set(["ORCO_STACK", "ORCO_SERVICE", "ORCO_REPLICA", "ORCO_INSTANCE", "ORCO_SECRETS_DIR"]);

const stackName: Field<string> = parsedText(`a name (${NAME_RULE})`, (raw) => (NAME.test(raw) ? raw : undefined), {
  pattern: NAME_PATTERN,
});

function serviceNameProblem(name: string): string | undefined {
  return NAME.test(name) ? undefined : `"${name}" cannot be the name of a service: use ${NAME_RULE}`;
}

function variableProblem(name: string): string | undefined {
  if (RESERVED.has(name)) return `${name} is set by orco`;
  return VARIABLE_NAME.test(name) ? undefined : `"${name}" cannot be the name of a variable`;
}

const env = record(text({ launch: true, empty: true, wanted: 'a value (write "" for an empty one)' }), {
  wanted: "a mapping of names to values",
  key: variableProblem,
});
const words = list(text(), "a list of texts");
const oneOrMore: Field<string[]> = byForm<string[]>({
  scalar: mapped(text({ wanted: "a path" }), (path) => [path]),
  list: list(text({ wanted: "a path" }), "a list of paths"),
});

const SIGNALS = Object.keys(constants.signals);
const signal: Field<string> = parsedText("a signal such as SIGTERM", (raw, node, at) => {
  const name = raw.toUpperCase().startsWith("SIG") ? raw.toUpperCase() : `SIG${raw.toUpperCase()}`;
  return SIGNALS.includes(name) ? name : (at.fail(node, `${raw} is no signal`, { hint: didYouMean(name, SIGNALS) }) ?? "SIGTERM");
});

const secret = object({
  file: text({ wanted: "a path" }),
  env: text({ wanted: "the name of a variable" }),
  as: oneOf(["env", "file"]),
  path: text({ wanted: "a path" }),
});

const dependency = object(
  {
    target: text({ wanted: "the name of a service" }),
    require: oneOf(["exists", "started", "ready", "completed"]),
    timeout: positiveDuration,
  },
  { required: ["target"] },
);
type DeclaredDependency = NonNullable<ReturnType<typeof dependency.read>>;
const shortDependency: Field<DeclaredDependency> = mapped(text({ wanted: "the name of a service" }), (target) => ({ target }));

const backoff = object({
  min: duration,
  max: positiveDuration,
  factor: number({ wanted: "a number from 1", min: 1, max: 1000, integer: false }),
});

const restartPolicy = object({
  condition: oneOf(["always", "on-failure", "never"]),
  maxRetries: number({ wanted: "a whole number, -1 for no limit", min: -1 }),
  resetAfter: duration,
  backoff,
});

const restartBudget = object({ restarts: count("a whole number from 1"), window: positiveDuration }, { required: ["restarts"] });

const updateFields = {
  strategy: oneOf(["rolling", "canary", "blueGreen", "recreate"]),
  maxUnavailable: amount,
  maxSurge: amount,
  promoteAfter: duration,
  abortAfterFailures: count("a whole number from 1"),
  observationWindow: duration,
  drainTimeout: duration,
  autoRollback: flag,
  weight: share,
};
const update = object(updateFields);
export type DeclaredUpdate = Read<typeof updateFields>;

const resources = object({ cpu, memory: size, pids: count("a whole number from 1") });
const logging = object({
  maxFileSize: size,
  maxFiles: count("a whole number from 1"),
  maxAge: positiveDuration,
  format: oneOf(["auto", "json", "text"]),
});
const hooks = object({ preStart: timedCommand, postStart: timedCommand, preStop: timedCommand, postStop: timedCommand });
const buildFields = {
  context: text({ wanted: "a path" }),
  dockerfile: text(),
  args: record(text({ empty: true }), { wanted: "a mapping" }),
  target: text(),
};
const build = byForm<Read<typeof buildFields>>({
  scalar: mapped(text({ wanted: "a path" }), (context) => ({ context })),
  map: object(buildFields, { required: ["context"] }),
});

const ulimit = byForm<{ soft?: number; hard?: number }>({
  scalar: mapped(number({ wanted: "a whole number, -1 for no limit", min: -1 }), (limit) => ({ soft: limit, hard: limit })),
  map: object(
    { soft: number({ wanted: "a whole number", min: -1 }), hard: number({ wanted: "a whole number", min: -1 }) },
    { required: ["soft", "hard"] },
  ),
});

const watch = list(
  object(
    { path: text({ wanted: "a path" }), action: oneOf(["restart", "rebuild", "apply"]), ignore: words },
    { required: ["path", "action"] },
  ),
  "a list of {path, action}",
);
const cron = text({ wanted: "a cron expression" });
const scheduleFields = { cron, timezone: text({ wanted: "a time zone" }), overlap: oneOf(["skip", "queue", "replace"]) };
const schedule = byForm<Read<typeof scheduleFields>>({
  scalar: mapped(cron, (found) => ({ cron: found })),
  map: object(scheduleFields, { required: ["cron"] }),
});

const serviceFields = {
  runtime: oneOf(["docker", "process"]),
  image: text({ wanted: "an image" }),
  command,
  entrypoint: command,
  workdir: text({ wanted: "a path" }),
  user: text({ wanted: "a user" }),
  build,
  env,
  envFromFile: oneOrMore,
  secrets: record(secret, { wanted: "a mapping of names to secrets", key: variableProblem }),
  ports,
  volumes,
  dependsOn: list(byForm<DeclaredDependency>({ scalar: shortDependency, map: dependency }), "a list of services"),
  health,
  replicas: number({ wanted: "a whole number from 0", min: 0 }),
  restartPolicy,
  update,
  stop: object({ signal, timeout: duration, command }),
  resources,
  hooks,
  logging,
  labels: record(text({ empty: true }), { wanted: "a mapping of labels" }),
  description: text({ empty: true }),
  profiles: list(text({ wanted: "the name of a profile" }), "a list of profiles"),
  disabled: flag,
  watch,
  schedule,
  init: flag,
  ulimits: record(ulimit, { wanted: "a mapping of limits" }),
  pull: oneOf(["missing", "always", "never"]),
};
export const service = object(serviceFields);
export type DeclaredService = Read<typeof serviceFields>;

const defaults = object({ restartPolicy, health, update, resources, logging, env });
/** Blocks of `defaults` that are merged into every service. */
export const DEFAULT_BLOCKS = ["restartPolicy", "health", "update", "resources", "logging", "env"] as const;

const version = parsedText("version 0.1", (raw, node, at) =>
  raw === "0.1" ? raw : (at.fail(node, `version ${raw} is not known to this orco; it reads version 0.1`) ?? "0.1"),
);

/** The whole file; services are read one by one, each with the defaults merged in. */
export const file = object(
  {
    version,
    includes: oneOrMore,
    stack: object({ name: stackName, workdir: text({ wanted: "a path" }), restartBudget }, { required: ["name"] }),
    defaults,
    services: record(
      { json: { $ref: "#/$defs/service" }, read: (node) => node },
      { wanted: "a mapping of services", key: serviceNameProblem },
    ),
  },
  { required: ["version", "stack", "services"] },
);
