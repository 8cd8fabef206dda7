import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, reported, type Sureness } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { nodeName } from "./node-names.ts";
import { requireNode } from "./node-require.ts";
import { NODE_MODULES } from "./node-modules.ts";
import { placeOf } from "./run-image.ts";
import { latestLike, nameIn } from "./run-lines.ts";

const NAME = "([^'\"`\\s]{1,200})";
const MISSING: readonly RegExp[] = [
  new RegExp(`\\bCannot find module ['"]${NAME}['"]`),
  new RegExp(`\\bCannot find package ['"]${NAME}['"]`),
  new RegExp(`\\bModule not found: (?:Error: )?Can't resolve ['"]${NAME}['"]`),
  new RegExp(`(?:\\[ERROR\\]|\\berror:) Could not resolve:? "${NAME}"`),
  new RegExp(`\\bfailed to resolve import ["']${NAME}["'] from`, "i"),
];

/** Entry 15: a module that Node, or a tool that bundles for it, does not find. */
export const NODE_MODULE_MISSING: Entry = {
  id: 15,
  slug: "node-module-missing",
  title: "A Node module is not installed",
  verdicts:
    "fix for packages (package.json and its lock); approve for a name that looks like a slip of a well-known one; report for files of the project and modules of Node",
  example: "Error: Cannot find module 'express'",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, MISSING), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const written = nameIn(line);
  const found = nodeName(written, snapshot);
  const name = found.kind === "package" ? found.name : written;
  const tell = ({
    cause,
    remedy,
    sure = "named",
  }: {
    readonly cause: string;
    readonly remedy: string;
    readonly sure?: Sureness;
  }): Diagnosis =>
    reported({ entry: 15, signature: `node-module-missing:${name}`.slice(0, 200), cause, remedy, lines: [line], sure, verdict: "report" });
  if (isOfTool(line))
    return tell({
      cause: `a tool of the image does not find its own module ${written}`,
      remedy: "Install the tool again, or use another version of the base image.",
    });
  if (found.kind === "own")
    return tell({
      cause: `Node does not find ${written}: ${found.why}`,
      remedy: "Copy the file into the image, build what makes it, or correct the import.",
    });
  const cause = `the Node module ${name} is not installed in the image`;
  const place = placeOf(line, snapshot);
  if (!place) return tell({ cause, remedy: `Add ${name} to package.json.` });
  const required = requireNode(name, { place, snapshot });
  if (required.kind === "listed")
    return tell({
      cause: `${cause}, though ${required.where} asks for it`,
      remedy: "Build the image again, and see that node_modules gets into the last stage and is not left out or mounted over.",
    });
  const slip = found.near === undefined ? "" : ` It may be a slip of ${found.near}: see that it is the one that is meant.`;
  const sure = slip !== "" ? "guessed" : NODE_MODULES.has(name) ? "confirmed" : "likely";
  const { finding } = tell({ cause, remedy: `${required.what}${slip}`, sure });
  return { finding: { ...finding, verdict: slip === "" ? "fix" : "approve" }, remedy: required.remedy };
}

/** What npm and other tools that are installed for everybody lack is not the service's. */
function isOfTool({ lines, at, text }: FoundLine): boolean {
  const asking = /\bimported from (\S+)/.exec(text)?.[1] ?? (lines[at + 1]?.startsWith("Require stack") ? lines[at + 2] : undefined);
  return /\/lib\/node_modules\//.test(asking ?? "");
}
