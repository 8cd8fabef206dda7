import type { Diagnosis } from "../finding.ts";
import { withWords } from "../manifests/run-command.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { nodeInstalls } from "./node-install.ts";
import { placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";

const UNRESOLVED = /\bERESOLVE (?:unable to resolve dependency tree|could not resolve)/;
/** How far below it npm tells what does not go together. */
const DETAIL_LINES = 40;

/** Entry 14: packages of npm that want different versions of another one beside them. */
export const NODE_CONFLICT: Entry = {
  id: 14,
  slug: "node-conflict",
  title: "npm packages want different versions of a package beside them",
  verdicts: "approve: npm installs them all the same, as its sixth version did; report where the Dockerfile does not call npm",
  example: "npm error ERESOLVE unable to resolve dependency tree",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, [UNRESOLVED]), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const details = line.lines.slice(line.at + 1, line.at + DETAIL_LINES);
  const found = first(details, /\bFound: ((?:@[\w.-]{1,100}\/)?[\w.-]{1,100})@(\S{1,60})/);
  const wanted = first(details, /\bpeer (\S{1,200}) from (\S{1,200})/);
  const name = found?.[1] ?? "packages";
  const cause =
    wanted && found
      ? `${wanted[2]} wants ${wanted[1]} beside it, and ${found[1]}@${found[2]} is there`
      : "npm packages want different versions of another one";
  const told = { entry: 14, signature: `node-conflict:${name}`, cause, lines: [line] };
  const place = placeOf(line, snapshot);
  const installs = place ? nodeInstalls(place).filter(({ tool, isGlobal }) => tool === "npm" && !isGlobal) : [];
  const install = installs.find(({ instruction }) => instruction.fromLine === place?.before) ?? installs[0];
  const { dockerfile } = snapshot;
  if (!install || !place || !dockerfile || install.words.some((word) => /^--(?:legacy-peer-deps|force)$/.test(word)))
    return reported({
      ...told,
      sure: "named",
      verdict: "report",
      remedy: `Use versions that go together, or say in "overrides" of package.json which one to take.`,
    });
  const text = withWords(place.text, install.command, ["--legacy-peer-deps"]);
  const { finding } = reported({
    ...told,
    sure: "likely",
    verdict: "approve",
    remedy: "Installs with --legacy-peer-deps: the packages may not work together. Better: versions that do.",
  });
  return { finding, remedy: { kind: "edits", edits: [{ path: dockerfile.path, text }] } };
}

function first(lines: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  return lines.map((line) => pattern.exec(line)).find((found) => found !== null) ?? undefined;
}
