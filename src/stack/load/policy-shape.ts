import { constants } from "node:os";
import { didYouMean } from "../../kernel/nearest.ts";
import { type Field, flag, number, object, oneOf, parsedText, type Read, told } from "./field.ts";
import { timedCommand } from "./health-shape.ts";
import { amount, command, count, cpu, duration, positiveDuration, share, size } from "./units.ts";

const SIGNALS = Object.keys(constants.signals);
const signal: Field<string> = parsedText(
  "a signal such as SIGTERM",
  (raw, node, at) => {
    const name = raw.toUpperCase().startsWith("SIG") ? raw.toUpperCase() : `SIG${raw.toUpperCase()}`;
    return SIGNALS.includes(name) ? name : (at.fail(node, `${raw} is no signal`, { hint: didYouMean(name, SIGNALS) }) ?? "SIGTERM");
  },
  { title: "signal" },
);

const backoff = object({
  min: told("The first wait.", duration, { default: "1s", example: "500ms" }),
  max: told("The longest wait.", positiveDuration, { default: "30s", example: "1m" }),
  factor: told(
    "Each wait is this much longer than the one before.",
    number({ wanted: "a number from 1", min: 1, max: 1000, integer: false }),
    {
      default: 2,
      example: 1.5,
    },
  ),
});

export const restartPolicy = object({
  condition: told(
    "When an instance that has ended is started again. With a schedule the default is never.",
    oneOf(["always", "on-failure", "never"]),
    {
      default: "always",
      example: "on-failure",
    },
  ),
  maxRetries: told(
    "Restarts in a row until the service is Failed; -1: no limit.",
    number({ wanted: "a whole number, -1 for no limit", min: -1 }),
    {
      default: 5,
      example: 10,
    },
  ),
  resetAfter: told("After it has been ready for this long, restarts are counted from zero again.", duration, {
    default: "60s",
    example: "5m",
  }),
  backoff: told("How long to wait before each restart. A random half of each wait is jitter, but never below min.", backoff),
});

export const restartBudget = object(
  {
    restarts: told("Restarts of all services together.", count("a whole number from 1"), { example: 20 }),
    window: told("Within this time.", positiveDuration, { default: "10s", example: "30s" }),
  },
  { required: ["restarts"] },
);

const updateFields = {
  strategy: told(
    "How a running service is replaced. Default: rolling; recreate for one replica that has a port of the host or a writable volume to itself.",
    oneOf(["rolling", "canary", "blueGreen", "recreate"]),
    { example: "blueGreen" },
  ),
  maxUnavailable: told("So many fewer than replicas may be ready meanwhile; percentages round down.", amount, {
    default: 0,
    example: "25%",
  }),
  maxSurge: told("So many more than replicas may exist meanwhile; percentages round up.", amount, { default: 1, example: "25%" }),
  promoteAfter: told("A canary that has been ready this long is promoted by itself. Default: it waits for `orco promote`.", duration, {
    example: "10m",
  }),
  abortAfterFailures: told("New instances that may fail until the update does.", count("a whole number from 1"), {
    default: 1,
    example: 3,
  }),
  observationWindow: told("A new instance must stay ready this long before it counts.", duration, { default: "0s", example: "10s" }),
  drainTimeout: told(
    "What is in flight on an instance that goes may take this long; the old set of blueGreen is kept this long.",
    duration,
    {
      default: "10s",
      example: "1m",
    },
  ),
  autoRollback: told("An update that fails is undone.", flag, { default: true, example: false }),
  weight: told("Share of new requests that a canary gets. Default: by the number of instances.", share, { example: "10%" }),
};
export const update = object(updateFields);
export type DeclaredUpdate = Read<typeof updateFields>;

export const stop = object({
  signal: told("Asks it to end.", signal, { default: "SIGTERM", example: "SIGINT" }),
  timeout: told("What is left after this long is killed.", duration, { default: "10s", example: "30s" }),
  command: told("Run instead of the signal.", command, { example: ["./shutdown", "--now"] }),
});

export const resources = object({
  cpu: told("Cores.", cpu, { example: "500m" }),
  memory: told("Memory; more gets it killed (oom_killed).", size, { example: "512Mi" }),
  pids: told("Processes and threads.", count("a whole number from 1"), { example: 100 }),
});

export const logging = object({
  maxFileSize: told("Size of one file of the log.", size, { default: "16Mi", example: "64Mi" }),
  maxFiles: told("Files that are kept.", count("a whole number from 1"), { default: 4, example: 10 }),
  maxAge: told("Files whose newest line is older go. Default: kept until maxFiles.", positiveDuration, { example: "7d" }),
  format: told(
    "auto: JSON objects are taken apart, the level of other lines is guessed; json: nothing is guessed; text: JSON stays as it is.",
    oneOf(["auto", "json", "text"]),
    {
      default: "auto",
      example: "json",
    },
  ),
});

export const hooks = object({
  preStart: told("Before each start; a failure is a failed start.", timedCommand, { example: { command: ["./migrate"], timeout: "1m" } }),
  postStart: told("After each start; a failure stops it again.", timedCommand, { example: "./warm-up" }),
  preStop: told("Before it is stopped.", timedCommand, { example: "./leave" }),
  postStop: told("After it has ended.", timedCommand, { example: ["./clean", "--all"] }),
});
