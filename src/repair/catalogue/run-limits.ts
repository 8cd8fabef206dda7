import type { Diagnosis, Evidence } from "../finding.ts";
import { reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const HEAP: readonly RegExp[] = [
  /JavaScript heap out of memory/,
  /java\.lang\.OutOfMemoryError/,
  /^fatal error: (?:runtime: )?out of memory/,
  /virtual memory exhausted: Cannot allocate memory/,
  /^MemoryError(?::|$)/,
];
/** A build step that the kernel ended. */
const KILLED: readonly RegExp[] = [
  /returned a non-zero code: 137$/,
  /did not complete successfully: exit code: 137/,
  /executor failed running \[.{0,1000}\]: exit code: 137/,
  /fatal error: Killed signal terminated program/,
  /^(?:c\+\+|g\+\+|gcc): fatal error: Killed/,
];
const DISK_FULL: readonly RegExp[] = [
  /no space left on device/i,
  /\bENOSPC\b/,
  /\bdisk quota exceeded/i,
  /You don't have enough free space in/,
];
/** The kernel uses the same words for watches of files. */
const OF_WATCHES = /inotify|watchers|\bwatch\b/i;
const PORT_TAKEN: readonly RegExp[] = [
  /Bind for \S{1,80}:(\d{1,5}) failed: port is already allocated/,
  /failed to bind (?:host )?port (?:for )?\S{1,80}?:(\d{1,5})\b.{0,200}: address already in use/,
  /listen (?:tcp|udp)[46]? \S{0,80}?:(\d{1,5}): bind: address already in use/,
  /EADDRINUSE: address already in use \S{0,80}?:(\d{1,5})/,
  /\[Errno 98\] (?:error while attempting to bind on address \('[^']{0,80}', (\d{1,5})\): )?[Aa]ddress already in use/,
  /bind\(\) to \S{1,80}:(\d{1,5}) failed \(98: Address (?:already )?in use\)/,
];

export const MEMORY_LIMIT: Entry = {
  id: 23,
  slug: "memory-limit",
  title: "The memory does not suffice",
  verdicts: "report",
  example: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
  match: (evidence) => killedByKernel(evidence) ?? outOfMemory(evidence),
};

export const DISK_FULL_ENTRY: Entry = {
  id: 23,
  slug: "disk-full",
  title: "The disk is full",
  verdicts: "report",
  example: "dd: error writing '/data/x': No space left on device",
  match: (evidence) => {
    const line = latestLike(evidence, DISK_FULL).find(({ text }) => !OF_WATCHES.test(text));
    return (
      line &&
      limit(line, {
        signature: "disk-full",
        cause: "a disk is full",
        remedy: "Make space: `docker system df` shows what docker holds, `df -h` the disks.",
      })
    );
  },
};

export const PORT_TAKEN_ENTRY: Entry = {
  id: 23,
  slug: "port-taken",
  title: "The port is taken",
  verdicts: "report",
  example: "Bind for 0.0.0.0:8080 failed: port is already allocated",
  match: (evidence) => {
    const [line] = latestLike(evidence, PORT_TAKEN);
    const port = line && nameIn(line);
    return (
      line &&
      limit(line, {
        signature: port === "" ? "port-taken" : `port-taken:${port}`,
        cause: `somebody else listens on port ${port} already`,
        remedy: "Stop what holds the port (`ss -ltnp` names it), or publish the service on another one in the compose file.",
      })
    );
  },
};

/** Docker notes it of a container whose processes the kernel ended; while it runs, it was none that matters. */
function killedByKernel({ state }: Evidence): Diagnosis | undefined {
  if (!state?.oomKilled || state.status === "running") return undefined;
  const text = `OOMKilled, exit code ${state.exitCode}`;
  const line = { source: "state" as const, number: 1, text };
  return limit(line, {
    signature: "memory-limit",
    cause: "the kernel ended the container: it needed more memory than it may have",
    remedy: "Raise the memory limit of the service in the compose file, or let it use less.",
  });
}

function outOfMemory(evidence: Evidence): Diagnosis | undefined {
  const [heap] = latestLike(evidence, HEAP);
  if (heap)
    return limit(heap, {
      signature: "memory-limit:heap",
      cause: "the program has used up its memory",
      remedy: "Give it more (for node --max-old-space-size, for Java -Xmx), or let it use less.",
    });
  const [killed] = latestLike(evidence, KILLED);
  return (
    killed &&
    limit(killed, {
      signature: "memory-limit:build",
      cause: "a build step was killed (137), most likely because the memory did not suffice",
      remedy: "Build with less at a time, or give docker more memory.",
    })
  );
}

function limit(
  line: Pick<FoundLine, "source" | "number" | "text">,
  told: { readonly signature: string; readonly cause: string; readonly remedy: string },
): Diagnosis {
  return reported({ entry: 23, ...told, lines: [line], sure: "named", verdict: "report" });
}
