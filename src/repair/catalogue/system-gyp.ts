import { firstOf } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike } from "./run-lines.ts";
import { buildSite, installed } from "./system-site.ts";

const ALWAYS: readonly RegExp[] = [
  /\bgyp ERR! find Python\b/,
  /\bgyp ERR! stack Error: Could not find any Python installation/,
  /\bgyp ERR! .{0,60}Can't find Python executable/,
  /\bgyp ERR! .{0,60}not found: (make|g\+\+|gcc|cc)\b/,
];
/** Only where node-gyp called them. */
const WITH_GYP: readonly RegExp[] = [
  /^(?:npm (?:ERR!|error) )?make(?:\[\d+\])?: (g\+\+|c\+\+|gcc|cc): No such file or directory/,
  /\bmake: not found$/,
  /\b(?:g\+\+|c\+\+|gcc|cc): (?:command )?not found$/,
  /No module named '(distutils)'/,
];

export const GYP_TOOLS_MISSING: Entry = {
  id: 16,
  slug: "gyp-tools-missing",
  title: "A module of Node is built from source, and its tools are not in the image",
  verdicts: "fix: python3, make and g++",
  example: "gyp ERR! find Python",
  match: (evidence, snapshot) =>
    firstOf(latestLike(evidence, [...ALWAYS, ...WITH_GYP]), (line) => {
      if (!hasGyp(line)) return undefined;
      const distutils = /distutils/.test(line.text);
      const subject = distutils ? "distutils" : (/\b(make|g\+\+)/.exec(line.groups[0])?.[1] ?? "python");
      const tools = ["python3", "make", "g++"];
      const packages = {
        debian: distutils ? [...tools, "python3-setuptools"] : tools,
        alpine: distutils ? [...tools, "py3-setuptools"] : tools,
      };
      const cause = "node-gyp builds a module from source, and needs Python, make and a C++ compiler";
      const missing = { entry: 16, slug: "gyp-tools-missing", subject, line, cause, sure: "confirmed" as const, packages };
      return installed(missing, buildSite(line, snapshot), snapshot);
    }),
};

function hasGyp({ lines }: FoundLine): boolean {
  return lines.some((one) => /\bgyp (?:ERR!|info|verb)/.test(one));
}
