import { evidenceLine } from "./entry.ts";
import type { Diagnosis, Evidence } from "../finding.ts";
import { CONFIDENCE, firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const REFUSED: readonly RegExp[] = [
  /ECONNREFUSED (?:\[?[\w.:-]{1,100}\]?):(\d{1,5})/,
  /connection to server at "[^"]{1,200}"(?: \([^)]{1,100}\))?, port (\d{1,5}) failed: Connection refused/,
  /could not connect to server: Connection refused/,
  /Can't connect to (?:local )?(?:MySQL|MariaDB) server on '[^']{1,200}'/,
  /Error 111 connecting to [\w.-]{1,200}:(\d{1,5})\. Connection refused/,
  /(?:dial|connect) tcp \S{1,100}:(\d{1,5}): connect: connection refused/,
  /Connection to [\w.-]{1,200}:(\d{1,5}) refused/,
  /\b[\w.-]{1,200}:(27017|5672|6379|9092|5432|3306): \[Errno 111\] Connection refused/,
  /^ConnectionRefusedError: \[Errno 111\]/,
];
const NAME = "([A-Z][A-Z0-9_]{2,100})";
const ENV_MISSING: readonly RegExp[] = [
  new RegExp(`${NAME}: (?:parameter not set|unbound variable|parameter null or not set)`),
  new RegExp(
    `[Ee]nv(?:ironment)?[ _]var(?:iable)?s?:? ['"\`]?${NAME}['"\`]? (?:is |was |are )?(?:not set|not defined|missing|required|undefined|unset|must be set|empty)`,
  ),
  new RegExp(
    `['"\`]?${NAME}['"\`]? (?:env(?:ironment)?[ _]var(?:iable)? )?(?:is|was) (?:not set|not defined|missing|required|undefined|unset)`,
  ),
  new RegExp(`['"\`]?${NAME}['"\`]? (?:env(?:ironment)?[ _]var(?:iable)? )?must be set`),
  new RegExp(`[Mm]issing (?:required )?(?:env(?:ironment)?(?:[ _]var(?:iable)?s?)?)s?:? ['"\`]?${NAME}`),
  new RegExp(`Set the ${NAME} environment variable`),
  new RegExp(`UndefinedValueError: ${NAME} not found`),
  new RegExp(`key not found: "${NAME}" \\(KeyError\\)`),
];
/** Of any dictionary, unless the traceback goes through the environment. */
const KEY_ERROR = new RegExp(`^KeyError: '${NAME}'`);
const OF_ENVIRONMENT = /\bos\.py\b|<frozen os>|environ/;
/** Lines of a traceback that are looked at. */
const TRACEBACK_LINES = 15;

const RESOLUTION: readonly RegExp[] = [
  /Temporary failure (?:in name resolution|resolving)/,
  /\bEAI_AGAIN\b/,
  /getaddrinfo ENOTFOUND/,
  /Could not resolve (?:host|hostname|proxy)?:? ?'?\S{1,200}/,
  /\bbad address '\S{1,200}'/,
  /lookup \S{1,200}(?: on \S{1,100})?: (?:no such host|i\/o timeout|server misbehaving|Temporary failure)/,
  /Name or service not known/,
  /Name does not resolve/,
];
const REGISTRY: readonly RegExp[] = [
  /\btoomanyrequests\b/,
  /429 Too Many Requests/,
  /net\/http: (?:TLS handshake timeout|request canceled while waiting for connection)/,
  /\b(?:registry|pypi|npmjs|deb\.debian|dl-cdn|docker\.io|proxy\.golang)\b.{0,300}\b(?:429|50[234])\b/,
];

export const DATABASE_REFUSED: Entry = {
  id: 25,
  slug: "database-refused",
  title: "What the service connects to refuses the connection",
  verdicts: "report",
  example: "Error: connect ECONNREFUSED 127.0.0.1:5432",
  match: (evidence) => firstOf(latestLike(evidence, REFUSED), refused),
};

export const ENV_MISSING_ENTRY: Entry = {
  id: 25,
  slug: "env-missing",
  title: "A variable of the environment is missing",
  verdicts: "report: values belong to the operator",
  example: "KeyError: 'DATABASE_URL'",
  match: (evidence) =>
    firstOf([...latestLike(evidence, ENV_MISSING), ...latestLike(evidence, [KEY_ERROR]).filter(isOfEnvironment)], missing),
};

export const NAME_RESOLUTION: Entry = {
  id: 25,
  slug: "name-resolution",
  title: "A name could not be resolved",
  verdicts: "retry",
  example: "Temporary failure in name resolution",
  match: (evidence) =>
    again(evidence, RESOLUTION, {
      signature: "name-resolution",
      cause: "a name could not be resolved: the network or its name service was away",
    }),
};

export const REGISTRY_AWAY: Entry = {
  id: 25,
  slug: "registry-away",
  title: "A registry asks to come back later",
  verdicts: "retry",
  example: "toomanyrequests: You have reached your pull rate limit",
  match: (evidence) =>
    again(evidence, REGISTRY, {
      signature: "registry-away",
      cause: "a registry or package index did not answer, or asked to come back later",
    }),
};

function refused(line: FoundLine): Diagnosis {
  const port = nameIn(line);
  return reported({
    entry: 25,
    signature: port === "" ? "database-refused" : `database-refused:${port}`,
    cause: `nobody listens where the service connects to${port === "" ? "" : ` (port ${port})`}`,
    lines: [line],
    sure: "named",
    verdict: "report",
    remedy:
      "Start what it needs first (depends_on with a healthcheck), and look at the host: inside a container, localhost is the container itself.",
  });
}

function missing(line: FoundLine): Diagnosis {
  const name = nameIn(line);
  return reported({
    entry: 25,
    signature: `env-missing:${name}`,
    cause: `the service needs ${name} in its environment, which it does not get`,
    lines: [line],
    sure: "named",
    verdict: "report",
    remedy: `Set ${name} in the service's environment or env_file.`,
  });
}

function again(
  evidence: Evidence,
  patterns: readonly RegExp[],
  told: { readonly signature: string; readonly cause: string },
): Diagnosis | undefined {
  const [last, ...rest] = latestLike(evidence, patterns);
  if (!last) return undefined;
  // The first of them: what comes after it is of its making.
  const line = rest.findLast(({ lines }) => lines === last.lines) ?? last;
  const remedy = "Try again; nothing of the service is changed.";
  return { finding: { entry: 25, ...told, evidence: [evidenceLine(line)], confidence: CONFIDENCE.likely.value, verdict: "retry", remedy } };
}

function isOfEnvironment({ at, lines }: FoundLine): boolean {
  return lines.slice(Math.max(0, at - TRACEBACK_LINES), at).some((line) => OF_ENVIRONMENT.test(line.slice(0, 1000)));
}
