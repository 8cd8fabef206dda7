import { byForm, type Field, list, object, oneOf, type Read, record, text, told } from "./field.ts";
import { type Command, command, count, duration, positiveDuration, statuses } from "./units.ts";

/** A command that may say how long it can take, or nothing but the command. */
export interface TimedCommand {
  readonly command?: Command;
  readonly timeout?: number;
}

const commandBlock = object(
  {
    command: told("List of words, or a text for /bin/sh.", command, { example: ["./check"] }),
    timeout: told("How long it may take. Default: 30s for hooks, the probe's own for probes.", positiveDuration, { example: "5s" }),
  },
  { required: ["command"] },
);
const bare: Field<TimedCommand> = {
  json: command.json,
  read(node, at) {
    const read = command.read(node, at);
    return read === undefined ? undefined : { command: read };
  },
};

export const timedCommand: Field<TimedCommand> = byForm<TimedCommand>({ scalar: bare, list: bare, map: commandBlock });

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

const http = object(
  {
    url: told("A port of this service on localhost is asked of the instance itself.", text({ wanted: "a URL", launch: true }), {
      example: "http://localhost:8080/health",
    }),
    expectStatus: told("Statuses and ranges that count as success.", statuses, { default: ["200-399"], example: [200, 204] }),
    method: told("Method of the request.", text({ wanted: "an HTTP method" }), { default: "GET", example: "HEAD" }),
    headers: told(
      "Headers of the request.",
      record(text({ launch: true, empty: true }), { wanted: "a mapping of header names to values" }),
      {
        example: { Authorization: "Bearer x" },
      },
    ),
    bodyPattern: told("Regular expression that the body must match.", text({ wanted: "a regular expression" }), {
      example: '"status":"ok"',
    }),
  },
  { required: ["url"] },
);

const tcp = object(
  {
    address: told("Where a connection must come about.", text({ wanted: 'an address such as "localhost:5432"', launch: true }), {
      example: "localhost:5432",
    }),
  },
  { required: ["address"] },
);

const log = object(
  {
    pattern: told("Regular expression that a line must match, once per start.", text({ wanted: "a regular expression" }), {
      example: "listening on",
    }),
    sources: told("Where to look.", list(oneOf(["stdout", "stderr"]), "a list of stdout, stderr"), {
      default: ["stdout", "stderr"],
      example: ["stderr"],
    }),
    levels: told("Only lines of these levels. Default: all.", list(oneOf(LEVELS), `a list of ${LEVELS.join(", ")}`), { example: ["info"] }),
  },
  { required: ["pattern"] },
);

const probeCommand = "Exit code 0 is success. Run inside the container, or in the workdir of the process.";

const healthFields = {
  gracePeriod: told("Failures this soon after the start do not count; a success does.", duration, { default: "0s", example: "10s" }),
  interval: told("Between probes. Until it has been ready once they come sooner.", positiveDuration, { default: "2s", example: "5s" }),
  timeout: told("How long one probe may take.", positiveDuration, { default: "1s", example: "3s" }),
  failureThreshold: told("Failures in a row until it is unready.", count("a whole number from 1"), { default: 3, example: 5 }),
  successThreshold: told("Successes in a row until it is ready.", count("a whole number from 1"), { default: 1, example: 2 }),
  http: told("Asks a URL.", http),
  tcp: told("Opens a connection.", tcp),
  command: told(probeCommand, timedCommand, { example: ["pg_isready", "-q"] }),
  cmd: told("Another name of command.", timedCommand, { example: "test -e /tmp/ready" }),
  log: told("Waits for a line of its log.", log),
  expression: told(
    "How the probes decide together: ||, &&, ! and parentheses over http, tcp, cmd, log. Default: all that are declared.",
    text({ wanted: 'an expression such as "http || log"' }),
    { example: "http || log" },
  ),
  onUnready: told("What becomes of an instance that was ready and is not any more.", oneOf(["restart", "none"]), {
    default: "restart",
    example: "none",
  }),
};

export const health = object(healthFields);
export type DeclaredHealth = Read<typeof healthFields>;
