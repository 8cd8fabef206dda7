import { byForm, type Field, list, object, oneOf, type Read, record, text } from "./field.ts";
import { type Command, command, count, duration, positiveDuration, statuses } from "./units.ts";

/** A command that may say how long it can take, or nothing but the command. */
export interface TimedCommand {
  readonly command?: Command;
  readonly timeout?: number;
}

const commandBlock = object({ command, timeout: positiveDuration }, { required: ["command"] });
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
    url: text({ wanted: "a URL", launch: true }),
    expectStatus: statuses,
    method: text({ wanted: "an HTTP method" }),
    headers: record(text({ launch: true, empty: true }), { wanted: "a mapping of header names to values" }),
    bodyPattern: text({ wanted: "a regular expression" }),
  },
  { required: ["url"] },
);

const tcp = object({ address: text({ wanted: 'an address such as "localhost:5432"', launch: true }) }, { required: ["address"] });

const log = object(
  {
    pattern: text({ wanted: "a regular expression" }),
    sources: list(oneOf(["stdout", "stderr"]), "a list of stdout, stderr"),
    levels: list(oneOf(LEVELS), `a list of ${LEVELS.join(", ")}`),
  },
  { required: ["pattern"] },
);

const healthFields = {
  gracePeriod: duration,
  interval: positiveDuration,
  timeout: positiveDuration,
  failureThreshold: count("a whole number from 1"),
  successThreshold: count("a whole number from 1"),
  http,
  tcp,
  command: timedCommand,
  cmd: timedCommand,
  log,
  expression: text({ wanted: 'an expression such as "http || log"' }),
  onUnready: oneOf(["restart", "none"]),
};

export const health = object(healthFields);
export type DeclaredHealth = Read<typeof healthFields>;
