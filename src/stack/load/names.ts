import { type Field, parsedText, record, text } from "./field.ts";

export const NAME_PATTERN = "^[a-z0-9][a-z0-9-]{0,62}$";
const NAME = new RegExp(NAME_PATTERN);
const NAME_RULE = "1 to 63 of a-z, 0-9 and -, not starting with -";
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const RESERVED = new Set(["ORCO_STACK", "ORCO_SERVICE", "ORCO_REPLICA", "ORCO_INSTANCE", "ORCO_SECRETS_DIR"]);

export const stackName: Field<string> = parsedText(`a name (${NAME_RULE})`, (raw) => (NAME.test(raw) ? raw : undefined), {
  // A variable fits everywhere.
  pattern: `${NAME_PATTERN}|\\$`,
});

export function serviceNameProblem(name: string): string | undefined {
  return NAME.test(name) ? undefined : `"${name}" cannot be the name of a service: use ${NAME_RULE}`;
}

export function variableProblem(name: string): string | undefined {
  if (RESERVED.has(name)) return `${name} is set by orco`;
  return VARIABLE_NAME.test(name) ? undefined : `"${name}" cannot be the name of a variable`;
}

/** By labels of its own orco finds what is its, and takes it away. */
export function labelProblem(name: string): string | undefined {
  return name.startsWith("orco.") ? `${name} is a label of orco's own` : undefined;
}

export const env = record(text({ launch: true, empty: true, wanted: 'a value (write "" for an empty one)' }), {
  wanted: "a mapping of names to values",
  key: variableProblem,
});
