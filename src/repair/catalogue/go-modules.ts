import { posix } from "node:path";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { withBaseTag } from "./base-tag.ts";
import { commandsNear, fileRead } from "./called-commands.ts";
import { firstOf, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { goTidy } from "./lock-tools.ts";
import { folderOf } from "./node-install.ts";
import { type Place, placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";

const PATH = "([A-Za-z0-9][\\w.~/-]{0,200})";
const MISSING: readonly RegExp[] = [
  new RegExp(`\\bno required module provides package ${PATH}`),
  new RegExp(`\\bcannot find module providing package ${PATH}`),
  new RegExp(`\\bmissing go\\.sum entry for module providing package ${PATH}`),
  new RegExp(`\\b${PATH}@v[\\w.+-]{1,100}: missing go\\.sum entry`),
  new RegExp(`\\bgo: updates to (go\\.mod) needed`),
];
const VERSION = /\brequires go >= (\d+\.\d+)(?:\.\d+)?\S* \(running go (\d+\.\d+)/;
/** The newest Go that is known to have an image. */
const NEWEST_MINOR = 26;

/** Entry 18: a module that go.mod or go.sum does not have. */
export const GO_MODULE_MISSING: Entry = {
  id: 18,
  slug: "go-module-missing",
  title: "go.mod or go.sum lacks a module",
  verdicts: "approve: go mod tidy, in a copy; report for packages of the module itself",
  example: "main.go:3:8: no required module provides package github.com/google/uuid; to add it:",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, MISSING), (line) => missing(line, snapshot)),
};

/** Entry 18: the module is for a newer Go. */
export const GO_VERSION: Entry = {
  id: 18,
  slug: "go-version",
  title: "go.mod requires a newer Go",
  verdicts: "approve: that version as base image; report where the base is no image of Go",
  example: "go: go.mod requires go >= 1.23 (running go 1.22.5; GOTOOLCHAIN=local)",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, [VERSION]), (line) => older(line, snapshot)),
};

function missing(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const name = (line.groups[1] ?? "").replace(/[.;:,]+$/, "");
  const told = { entry: 18, signature: `go-module-missing:${name}`.slice(0, 200), lines: [line], sure: "named" as const };
  const place = placeOf(line, snapshot);
  const path = place && moduleFile(place, snapshot);
  const own = /^module\s+"?([^\s"]+)/m.exec(snapshot.files.get(path ?? "") ?? "")?.[1];
  if (own !== undefined && (name === own || name.startsWith(`${own}/`)))
    return reported({
      ...told,
      verdict: "report",
      cause: `the package ${name} is of the module itself, and is not there`,
      remedy: "Copy its folder into the image, or correct the import.",
    });
  const cause = `go.mod and go.sum do not go with what the program imports (${name})`;
  if (!place || path === undefined)
    return reported({ ...told, verdict: "report", cause, remedy: "Run go mod tidy where go.mod is, and commit go.mod and go.sum." });
  const run = goTidy(folderOf(path), { place, snapshot, stage: place.stage });
  const { finding } = reported({
    ...told,
    verdict: "approve",
    cause,
    sure: "likely",
    remedy: "Runs go mod tidy: requires the newest version of what is imported.",
  });
  return { finding, remedy: { kind: "tool", run } };
}

function older(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const [, wanted = "", running = ""] = line.groups;
  const told = {
    entry: 18,
    signature: `go-version:${wanted}`,
    lines: [line],
    cause: `go.mod requires Go ${wanted}, and the image has ${running}`,
  };
  const place = placeOf(line, snapshot);
  const isThere = Number(wanted.split(".")[1]) <= NEWEST_MINOR && wanted.startsWith("1.");
  const tag = place && isThere ? withBaseTag("golang", wanted, { place, snapshot }) : undefined;
  if (!tag)
    return reported({
      ...told,
      sure: "named",
      verdict: "report",
      remedy: `Build on an image with Go ${wanted}, or lower the go line of go.mod.`,
    });
  const { finding } = reported({ ...told, sure: "likely", verdict: "approve", remedy: `Builds on ${tag.to} instead of ${tag.from}.` });
  return { finding, remedy: { kind: "edits", edits: [tag.edit] } };
}

function moduleFile(place: Place, snapshot: ServiceSnapshot): string | undefined {
  const called = commandsNear(place).find(({ words }) => posix.basename(words[0] ?? "") === "go");
  const read = called && fileRead(called, place, { written: "go.mod", snapshot });
  const own = posix.join(snapshot.directory, "go.mod");
  return read ?? (snapshot.files.has(own) ? own : undefined);
}
