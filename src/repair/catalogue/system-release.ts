import { insertBefore } from "../dockerfile/edit.ts";
import { asRoot, userAt } from "../dockerfile/install.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { latestLike } from "./run-lines.ts";
import { runSite } from "./system-site.ts";

const NO_RELEASE: readonly RegExp[] = [
  /The repository '(?:cdrom:)?(https?:\/\/\S+) ([\w./-]{1,60}) (?:In)?Release' (?:does not have|no longer has) a Release file/,
  /^E: Failed to fetch (https?:\/\/\S{1,200})\/dists\/([\w-]{1,40})\/.{0,200}404 +Not Found/,
];
/** Their packages have moved to the archive. */
const ARCHIVED_DEBIAN = /^(?:squeeze|wheezy|jessie|stretch|buster)/;
const DEBIAN_HOST = /^https?:\/\/(?:deb|security|ftp|httpredir|cdn-fastly\.deb|[\w.]*\.?ftp)\.(?:\w+\.)?debian\.org\b/;
const UBUNTU_HOST = /^https?:\/\/(?:\w+\.)?(?:archive|security|ports)\.ubuntu\.com\b/;
/** Supported for years: what is missing of these is not their age. */
const KEPT_UBUNTU = /^(?:bionic|focal|jammy|noble)/;

const DEBIAN_ARCHIVE: readonly (readonly [from: string, to: string])[] = [
  ["https\\?://[a-z.]*debian.org/debian-security", "http://archive.debian.org/debian-security"],
  ["https\\?://security.debian.org", "http://archive.debian.org"],
  ["https\\?://deb.debian.org", "http://archive.debian.org"],
];
const UBUNTU_ARCHIVE: typeof DEBIAN_ARCHIVE = [["https\\?://[a-z.]*ubuntu.com/ubuntu", "http://old-releases.ubuntu.com/ubuntu"]];

export const RELEASE_OVER: Entry = {
  id: 11,
  slug: "release-file-missing",
  title: "A package repository has nothing for the release of the image",
  verdicts: "approve: the archive of a release that is over; report for other repositories",
  example: "E: The repository 'http://deb.debian.org/debian buster Release' does not have a Release file.",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NO_RELEASE), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis {
  const [, url = "", suite = ""] = line.groups;
  const name = suite.replace(/[/-].*$/, "");
  const told = {
    entry: 11,
    signature: `release-file-missing:${name}`,
    cause: `${url} has no packages for ${suite}`,
    lines: [line],
    sure: "named" as const,
  };
  const archive = archiveOf(url, name);
  const site = runSite(line, snapshot);
  const report = reported({
    ...told,
    verdict: "report",
    remedy: `Use a base image of a release that is kept, or take ${url} out of the sources of packages.`,
  });
  if (archive === undefined || site?.before === undefined || site.text.includes(archive)) return report;
  const lines = asRoot(archive, userAt(site.dockerfile, site.stage, site.before));
  const remedy = `Takes the packages of ${name}, which is over and gets no security updates, from the archive; a newer base image is better.`;
  return mended({ ...told, verdict: "approve", remedy }, snapshot, insertBefore(site.text, site.before, lines)) ?? report;
}

/** Sources of other releases stay as they are: what is kept is not in the archive. */
function archiveOf(url: string, name: string): string | undefined {
  const moves = (pairs: typeof DEBIAN_ARCHIVE): string => pairs.map(([from, to]) => `-e '/${name}/s|${from}|${to}|g'`).join(" ");
  const sources = (edits: string): string => `RUN find /etc/apt -name '*.list' -exec sed -i ${edits} {} +`;
  if (DEBIAN_HOST.test(url) && ARCHIVED_DEBIAN.test(name))
    return `${sources(`${moves(DEBIAN_ARCHIVE)} -e '/${name}-updates/d'`)} && echo 'Acquire::Check-Valid-Until "false";' > /etc/apt/apt.conf.d/99-archive`;
  if (UBUNTU_HOST.test(url) && !KEPT_UBUNTU.test(name)) return sources(moves(UBUNTU_ARCHIVE));
  return undefined;
}
