import { dockerFields } from "./docker-shape.ts";
import { byForm, type Field, flag, list, mapped, number, object, oneOf, parsedText, type Read, record, text, told } from "./field.ts";
import { health } from "./health-shape.ts";
import { env, labelProblem, serviceNameProblem, stackName, variableProblem } from "./names.ts";
import { hooks, logging, resources, restartBudget, restartPolicy, stop, update } from "./policy-shape.ts";
import { ports } from "./ports.ts";
import { command, positiveDuration } from "./units.ts";

/** Everything a stack.yaml may say (design: stack.md, Schema), field by field. Defaults are held in `resolve.ts`, and told here. */

const words = list(text(), "a list of texts");
const oneOrMore: Field<string[]> = byForm<string[]>({
  scalar: mapped(text({ wanted: "a path" }), (path) => [path]),
  list: list(text({ wanted: "a path" }), "a list of paths"),
});

const secret = object({
  file: told("File that holds the value; read at each start.", text({ wanted: "a path" }), { example: "./secrets/db" }),
  env: told("Variable of the daemon that holds the value.", text({ wanted: "the name of a variable" }), { example: "DB_PASSWORD" }),
  as: told("How the service gets it: as a variable of this name, or as a file.", oneOf(["env", "file"]), {
    default: "env",
    example: "file",
  }),
  path: told(
    "Where the file is put. Default: `$ORCO_SECRETS_DIR/NAME`, in containers `/run/secrets/NAME`. A file of a process stays at a path given here.",
    text({ wanted: "a path" }),
    { example: "/etc/app/db-password" },
  ),
});

const target = text({ wanted: "the name of a service" });
const dependency = object(
  {
    target: told("The service that is needed.", target, { example: "db" }),
    require: told("What of it: declared; running; ready; ended with exit code 0.", oneOf(["exists", "started", "ready", "completed"]), {
      default: "ready",
      example: "completed",
    }),
    timeout: told("How long to wait; then the start has failed. Default: as long as it takes.", positiveDuration, { example: "60s" }),
  },
  { required: ["target"] },
);
type DeclaredDependency = NonNullable<ReturnType<typeof dependency.read>>;
const shortDependency: Field<DeclaredDependency> = mapped(target, (name) => ({ target: name }));

const watch = list(
  object(
    {
      path: told("File or folder, relative to stack.workdir; it must exist.", text({ wanted: "a path" }), { example: "./src" }),
      action: told("restart it, rebuild its image, or apply the stack file anew.", oneOf(["restart", "rebuild", "apply"]), {
        example: "restart",
      }),
      ignore: told("Patterns as in .gitignore.", words, { example: ["*.test.ts", "dist/"] }),
    },
    { required: ["path", "action"] },
  ),
  "a list of {path, action}",
);

const cron = text({ wanted: "a cron expression" });
const scheduleFields = {
  cron: told("Five fields, six with seconds in front, or @daily and its like.", cron, { example: "0 3 * * *" }),
  timezone: told("On whose clock.", text({ wanted: "a time zone" }), { default: "UTC", example: "Europe/Berlin" }),
  overlap: told(
    "When the one before still runs: leave this one out, run it afterwards, or stop the other.",
    oneOf(["skip", "queue", "replace"]),
    {
      default: "skip",
      example: "queue",
    },
  ),
};
const schedule = byForm<Read<typeof scheduleFields>>({
  scalar: mapped(cron, (found) => ({ cron: found })),
  map: object(scheduleFields, { required: ["cron"] }),
});

const serviceFields = {
  runtime: told("Where it runs. Default: docker with image or build, else process.", oneOf(["docker", "process"]), { example: "process" }),
  command: told(
    "What runs. A text is a command of /bin/sh for processes; for containers it is split into words and given to the entrypoint.",
    command,
    {
      example: ["./api", "--port", "${PORT}"],
    },
  ),
  workdir: told(
    "Folder it starts in. Processes: relative to stack.workdir, which is the default. Containers: absolute, the image's by default.",
    text({ wanted: "a path" }),
    {
      example: "./api",
    },
  ),
  user: told("Name or uid[:gid] it runs as. Processes: the daemon must be root.", text({ wanted: "a user" }), { example: "1000:1000" }),
  ...dockerFields,
  env: told("Variables; they win over envFromFile.", env, { example: { LOG_LEVEL: "debug" } }),
  envFromFile: told("Files of NAME=value lines; a later one wins, one that is missing is an error.", oneOrMore, { example: ["./api.env"] }),
  secrets: told(
    "Values that are kept out of the file, the plan, the journal and the logs.",
    record(secret, { wanted: "a mapping of names to secrets", key: variableProblem }),
    {
      example: { DB_PASSWORD: { file: "./secrets/db" } },
    },
  ),
  ports: told('Ports: "HOST:CONTAINER", "IP:HOST:CONTAINER/udp", ranges, only the container\'s, or a mapping.', ports, {
    example: ["8080:80"],
  }),
  dependsOn: told(
    "Services that are needed first.",
    list(byForm<DeclaredDependency>({ scalar: shortDependency, map: dependency }), "a list of services"),
    {
      example: ["db", { target: "migrate", require: "completed" }],
    },
  ),
  health: told("Probes that decide when it is ready. Default: ready when it runs.", health),
  replicas: told("Instances, up to 100.", number({ wanted: "a whole number from 0", min: 0 }), { default: 1, example: 3 }),
  restartPolicy: told("What happens when an instance ends.", restartPolicy),
  update: told("How a change is rolled out.", update),
  stop: told("How an instance is stopped.", stop),
  resources: told("Limits of each instance. Processes: where a cgroup can be written, else a warning.", resources),
  hooks: told("Commands around starts and stops, run where the service runs (texts by /bin/sh).", hooks),
  logging: told("What of the log is kept.", logging),
  labels: told(
    "Notes for people and filters; labels of the container.",
    record(text({ empty: true }), { wanted: "a mapping of labels", key: labelProblem }),
    {
      example: { "com.example.team": "core" },
    },
  ),
  description: told("For people.", text({ empty: true }), { example: "The public API" }),
  profiles: told(
    "Left out unless one of these is active (`--profile`).",
    list(text({ wanted: "the name of a profile" }), "a list of profiles"),
    { example: ["debug"] },
  ),
  disabled: told("Declared, but left out.", flag, { default: false, example: true }),
  watch: told("While `orco up` is in the foreground: files whose change does something.", watch, {
    example: [{ path: "./src", action: "restart" }],
  }),
  schedule: told("Starts a one-shot by the clock.", schedule, { example: "0 3 * * *" }),
};
export const service = object(serviceFields);
export type DeclaredService = Read<typeof serviceFields>;

const defaults = object({
  restartPolicy: told("Below each service's own.", restartPolicy),
  health: told("Below each service's own; without a probe it makes none.", health),
  update: told("Below each service's own.", update),
  resources: told("Below each service's own.", resources),
  logging: told("Below each service's own.", logging),
  env: told("Below each service's own.", env, { example: { TZ: "UTC" } }),
});
/** Blocks of `defaults` that are merged into every service. */
export const DEFAULT_BLOCKS = ["restartPolicy", "health", "update", "resources", "logging", "env"] as const;

const version = parsedText("version 0.1", (raw, node, at) =>
  raw === "0.1" ? raw : (at.fail(node, `version ${raw} is not known to this orco; it reads version 0.1`) ?? "0.1"),
);

const stack = object(
  {
    name: told("1 to 63 of a-z, 0-9 and -.", stackName, { example: "shop" }),
    workdir: told("Where relative paths begin. Default: the folder of the file.", text({ wanted: "a path" }), { example: "./" }),
    restartBudget: told(
      "Restarts of all services together that are carried out at once; more wait. Default: twice the instances, at least 10, in 10s.",
      restartBudget,
    ),
  },
  { required: ["name"] },
);

/** The whole file; services are read one by one, each with the defaults merged in. */
export const file = object(
  {
    version: told("Version of the format.", version, { example: 0.1 }),
    includes: told("Local files that are merged below this one.", oneOrMore, { example: ["base.yaml"] }),
    stack: told("The stack as a whole.", stack),
    defaults: told("Merged below every service.", defaults),
    services: told(
      "The services by name (1 to 63 of a-z, 0-9 and -).",
      record({ json: { $ref: "#/$defs/service" }, read: (node) => node }, { wanted: "a mapping of services", key: serviceNameProblem }),
    ),
  },
  { required: ["version", "stack", "services"] },
);
