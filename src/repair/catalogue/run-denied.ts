import { posix } from "node:path";
import { addFlag, insertAfter, insertBefore } from "../dockerfile/edit.ts";
import { userAt } from "../dockerfile/install.ts";
import { chainOf } from "../dockerfile/locate.ts";
import { argumentsOf, type Instruction } from "../dockerfile/parse.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { copiedTo, type Copied, workdirAt } from "./run-copied.ts";
import { isMounted, isPlainPath, type Place, placeOf } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const DENIED: readonly RegExp[] = [
  /PermissionError: \[Errno 13\] Permission denied: '([^']{1,500})'/,
  /EACCES: permission denied, \w{1,40} '([^']{1,500})'/,
  /: (?:cannot|can't) (?:\w{1,20} ){1,4}['‘]?(\/?[^'’\s:]{1,500})['’]?: Permission denied/,
  /^(?:\w{1,40}|[\w./-]{1,200}: (?:line )?\d{1,6}): (\/?[\w./@+-]{1,500}): Permission denied$/,
  /\b(?:open|mkdir|create|unlink|rename|stat) (\/[^\s:]{1,500}): permission denied/,
  /FileNotFoundException: (\/[^\s(]{1,500}) \(Permission denied\)/,
  /Permission denied @ \w{1,40} - (\/[^\s(]{1,500})/,
  /\b(?:open|mkdir)\(\) "(\/[^"]{1,500})" failed \(13: Permission denied\)/,
];
/** Folders that belong to the system: a service that wants to write there is set up wrongly. */
const OF_THE_SYSTEM =
  /^\/(?:$|(?:bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|root|sbin|sys|usr)(?:\/|$)|(?:home|mnt|opt|run|srv|tmp|var|var\/lib|var\/log|var\/cache|var\/run|var\/spool|var\/tmp)$)/;

export const PERMISSION_DENIED: Entry = {
  id: 22,
  slug: "permission-denied",
  title: "A file or folder belongs to root, and the service runs as somebody else",
  verdicts: "fix: COPY --chown of a copied file, RUN chown of another; report for what is mounted, of the system, or denied to root",
  example: "PermissionError: [Errno 13] Permission denied: '/app/state.json'",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, DENIED), (line) => explain(line, snapshot)),
};

interface Denied {
  readonly line: FoundLine;
  readonly path: string;
  readonly user: string;
  readonly place: Place;
}

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const place = placeOf(line, snapshot);
  if (!place) return undefined;
  const path = posix.resolve(workdirAt(place.dockerfile, place.stage, place.before), nameIn(line));
  const copied = copiedTo(place.dockerfile, place.stage, { target: path, snapshot });
  if (copied && isShellLine(line)) return undefined;
  const user = userOf(place, snapshot);
  const told = { entry: 22, signature: `permission-denied:${path}`, lines: [line] };
  if (isMounted(path, snapshot))
    return reported({
      ...told,
      cause: `${path} is mounted from the host, and the service may not use it`,
      sure: "confirmed",
      verdict: "report",
      remedy: `Let ${user ?? "the service's user"} use the folder on the host that is mounted there.`,
    });
  const mend =
    user === undefined
      ? undefined
      : ((copied && byCopy({ line, path, user, place }, copied, snapshot)) ?? byRun({ line, path, user, place }, snapshot));
  if (mend) return mend;
  return reported({
    ...told,
    cause: `${user === undefined ? "the service" : `the service runs as ${user} and`} may not use ${path}`,
    sure: "guessed",
    verdict: "report",
    remedy: `Let the service write to a folder of its own instead of ${posix.dirname(path)}.`,
  });
}

/** `sh: 1: ./x.sh: Permission denied` of a file of the service is about executing it. */
function isShellLine({ text }: FoundLine): boolean {
  return /^[\w./-]{1,200}: (?:(?:line )?\d{1,6}: )?\S{1,500}: Permission denied$/.test(text);
}

function byCopy({ line, path, user, place }: Denied, { last, path: source }: Copied, snapshot: ServiceSnapshot): Diagnosis | undefined {
  if (isMadeLater(user, last, place)) return undefined;
  if (last.flags.some((flag) => flag === `--chown=${user}` || flag.startsWith(`--chown=${user}:`))) return undefined;
  return mended(
    {
      entry: 22,
      signature: `permission-denied:${path}`,
      cause: `the service runs as ${user}, and ${source} was copied for root`,
      lines: [line],
      sure: "confirmed",
      verdict: "fix",
      remedy: `Copies it for ${user}.`,
    },
    snapshot,
    addFlag(place.text, last, `--chown=${user}`),
  );
}

function byRun({ line, path, user, place }: Denied, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const above = posix.dirname(path);
  const folder = OF_THE_SYSTEM.test(above) ? path : above;
  // By its name it is a file: as a folder it would be in the way.
  if (OF_THE_SYSTEM.test(folder) || (folder === path && posix.extname(path) !== "")) return undefined;
  const deep = folder !== workdirAt(place.dockerfile, place.stage, place.before);
  const command = `mkdir -p ${folder} && chown ${deep ? "-R " : ""}${user} ${folder}`;
  if (!isPlainPath(folder) || !isPlainPath(user) || place.text.includes(command)) return undefined;
  return mended(
    {
      entry: 22,
      signature: `permission-denied:${path}`,
      cause: `the service runs as ${user}, and ${folder} belongs to root`,
      lines: [line],
      sure: "named",
      verdict: "fix",
      remedy: `Gives ${folder} to ${user}.`,
    },
    snapshot,
    beforeUser(place, `RUN ${command}`),
  );
}

/** While the build is still root: in front of the USER that holds at the end, or where it failed; else as the last line. */
function beforeUser({ text, stage, before = Infinity }: Place, instruction: string): string {
  const user = stage.instructions.findLast(({ keyword, fromLine }) => keyword === "USER" && fromLine < before);
  if (user) return insertBefore(text, user.fromLine, [instruction]);
  return insertAfter(text, (stage.instructions.at(-1) ?? stage.from).toLine, [instruction]);
}

/** compose's own word wins over the image's. */
function userOf({ dockerfile, stage, before }: Place, { config }: ServiceSnapshot): string | undefined {
  const given = config.raw["user"];
  if (before === undefined && typeof given === "string" && given !== "") return /^(?:root|0)(?::|$)/.test(given) ? undefined : given;
  return userAt(dockerfile, stage, before ?? Infinity);
}

/** COPY can only give files to somebody who is there by then. */
function isMadeLater(user: string, copy: Instruction, { dockerfile, stage }: Place): boolean {
  const [name = user] = user.split(":");
  if (/^\d+$/.test(name)) return false;
  return chainOf(dockerfile, stage)
    .flatMap(({ instructions }) => instructions)
    .some(
      (one) =>
        one.fromLine > copy.fromLine &&
        one.keyword === "RUN" &&
        /\b(?:useradd|adduser)\b/.test(one.text) &&
        argumentsOf(one).split(/\s+/).includes(name),
    );
}
