import { insertAfter } from "../dockerfile/edit.ts";
import { asRoot, installPackages, userAt } from "../dockerfile/install.ts";
import { distributionOf } from "../dockerfile/locate.ts";
import type { Diagnosis, Evidence } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { packageOf } from "./run-commands.ts";
import type { Copied } from "./run-copied.ts";
import { fileCalled, isMounted, isPlainPath, type Place, placeOf, startedWith } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

/** The kernel says "no such file" of a script whose interpreter is not there; a carriage return belongs to its name. */
const NO_SUCH_FILE: readonly RegExp[] = [
  /^exec (\S{1,200}): no such file or directory$/i,
  /^\[FATAL tini \(\d{1,6}\)\] exec (\S{1,200}) failed: No such file or directory/,
  /exec: "(\/[^"\s]{1,200})": (?:stat \S{1,200}: )?no such file or directory/,
  /exec user process caused:? "?no such file or directory/,
];
/** What shells say of a line that ends in a carriage return; the last kind is what is left when it went back to the line's beginning. */
const OF_A_SCRIPT: readonly RegExp[] = [
  /^([\w./-]{1,200}): (?:line )?\d{1,6}: /,
  /^(?:\/usr\/bin\/)?env: .?\w{1,40}\\r.?: No such file/,
  /\$'\\r': command not found/,
  /^: (?:invalid option|not found|command not found|No such file or directory|numeric argument required|not a valid identifier)/,
];

interface Script {
  readonly line: FoundLine;
  readonly place: Place;
  readonly copied: Copied;
  readonly text: string;
  readonly snapshot: ServiceSnapshot;
}

export const ENTRYPOINT_CRLF: Entry = {
  id: 20,
  slug: "entrypoint-crlf",
  title: "A script has Windows line ends",
  verdicts: "fix: RUN sed after the COPY; the script itself stays as it is",
  example: "exec /entrypoint.sh: no such file or directory",
  match: (evidence, snapshot) =>
    firstOf(scripts(evidence, snapshot, [...NO_SUCH_FILE, ...OF_A_SCRIPT]), (script) =>
      hasReturns(script.text) ? withoutReturns(script) : undefined,
    ),
};

export const INTERPRETER_MISSING: Entry = {
  id: 20,
  slug: "interpreter-missing",
  title: "The interpreter that a script names is not in the image",
  verdicts: "fix: the package of the shell, e.g. bash on Alpine; report where it lies elsewhere",
  example: "exec /entrypoint.sh: no such file or directory",
  match: (evidence, snapshot) =>
    firstOf(scripts(evidence, snapshot, NO_SUCH_FILE), (script) => (hasReturns(script.text) ? undefined : withInterpreter(script))),
};

export const ENTRYPOINT_MOUNTED: Entry = {
  id: 20,
  slug: "entrypoint-mounted",
  title: "What cannot be executed is mounted from the host",
  verdicts: "report: no file of the image",
  example: 'exec: "/entrypoint.sh": permission denied: unknown',
  match: (evidence, snapshot) => firstOf(latestLike(evidence, [...NO_SUCH_FILE, ...DENIED_ENTRYPOINT]), (line) => mounted(line, snapshot)),
};

const DENIED_ENTRYPOINT: readonly RegExp[] = [
  /exec: "(\/[^"\s]{1,200})": permission denied/,
  /^exec (\S{1,200}): (?:permission denied|exec format error)$/i,
  /^\[FATAL tini \(\d{1,6}\)\] exec (\S{1,200}) failed: Permission denied/,
];

/** A command in the Dockerfile behind what brings the file, as root; written where it was copied first. */
export function afterCopy({ text, dockerfile }: Place, { stage, instruction }: Copied, command: string): string {
  const line = instruction.toLine;
  return insertAfter(text, line, asRoot(`RUN ${command}`, userAt(dockerfile, stage, line)));
}

/** The lines that are about a script of the service, with it. */
function scripts(evidence: Evidence, snapshot: ServiceSnapshot, patterns: readonly RegExp[]): Script[] {
  return latestLike(evidence, patterns).flatMap((line) => {
    const place = placeOf(line, snapshot);
    if (!place) return [];
    const named = nameIn(line);
    const called = named === "" ? startedWith(place, snapshot) : [named];
    return called.flatMap((word) => {
      const copied = isMounted(word, snapshot) ? undefined : fileCalled(place, word, snapshot);
      const text = copied && snapshot.files.get(copied.path);
      return copied && isPlainPath(copied.target) && text !== undefined ? [{ line, place, copied, text, snapshot }] : [];
    });
  });
}

function hasReturns(text: string): boolean {
  return /\r\n/.test(text.slice(0, 64 * 1024));
}

function withoutReturns({ line, place, copied, snapshot }: Script): Diagnosis | undefined {
  const command = `sed -i 's/\\r$//' ${copied.target}`;
  if (place.text.includes(command)) return undefined;
  return mended(
    {
      entry: 20,
      signature: `entrypoint-crlf:${copied.target}`,
      cause: `${copied.path} has Windows line ends, so that its interpreter is looked for under a name that ends in a carriage return`,
      lines: [line],
      sure: "confirmed",
      verdict: "fix",
      remedy: `Takes the carriage returns out of ${copied.target} in the image; ${copied.path} stays as it is.`,
    },
    snapshot,
    afterCopy(place, copied, command),
  );
}

function withInterpreter({ line, place, copied, text, snapshot }: Script): Diagnosis | undefined {
  const interpreter = /^#!\s*(\/\S{1,200})/.exec(text)?.[1];
  if (interpreter === undefined || interpreter.endsWith("/env")) return undefined;
  const told = {
    entry: 20,
    signature: `interpreter-missing:${interpreter}`,
    cause: `${copied.path} names ${interpreter} in its first line, which the image does not have`,
    lines: [line],
  };
  const distribution = distributionOf(place.dockerfile, place.stage, snapshot);
  const shell = /^\/(?:usr\/)?bin\/(bash|zsh)$/.exec(interpreter)?.[1];
  const name = shell && (interpreter.startsWith("/bin/") || distribution === "debian") ? packageOf(shell, distribution) : undefined;
  const fixed = name === undefined ? undefined : installPackages(place.text, { stage: place.stage.index, packages: [name], distribution });
  const mend = mended(
    { ...told, sure: "confirmed", verdict: "fix", remedy: `Installs the package ${name} (${distribution}).` },
    snapshot,
    fixed,
  );
  return (
    mend ??
    reported({
      ...told,
      sure: "likely",
      verdict: "report",
      remedy: `Name an interpreter that the image has in the first line of ${copied.path}.`,
    })
  );
}

function mounted(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  const path = nameIn(line);
  if (!isMounted(path, snapshot)) return undefined;
  return reported({
    entry: 20,
    signature: `entrypoint-mounted:${path}`,
    cause: `${path} cannot be executed, and it is mounted from the host: the image has no part in it`,
    lines: [line],
    sure: "confirmed",
    verdict: "report",
    remedy: "Give the file on the host the mode 755, Unix line ends and a first line that names an interpreter of the image.",
  });
}
