import { insertAfter } from "../dockerfile/edit.ts";
import { chainOf, distributionOf } from "../dockerfile/locate.ts";
import type { Diagnosis } from "../finding.ts";
import type { ServiceSnapshot } from "../snapshot.ts";
import { firstOf, mended, reported } from "./diagnosis.ts";
import type { Entry, FoundLine } from "./entry.ts";
import { type Place, placeOf } from "./run-image.ts";
import { latestLike } from "./run-lines.ts";
import { installed, runSite } from "./system-site.ts";

/** There are none, or none that vouches for the server. */
const NOT_TRUSTED: readonly RegExp[] = [
  /\berror setting certificate (?:verify locations|file)/,
  /\bcurl: \((60|77)\)/,
  /server certificate verification failed\. CAfile: (?:none|\/etc\/ssl\/certs)/,
  /The certificate of .{1,200} (?:is not trusted|doesn't have a known issuer|hasn't got a known issuer)/,
  /cannot verify .{1,200}'s certificate, issued by/,
  /x509: (?:certificate signed by unknown authority|failed to load system roots)/,
  /certificate verify failed: unable to get local issuer certificate/,
  /\bNo CA certificates were loaded from the system/,
  /Certificate verification failed: The certificate is NOT trusted/,
  /\bunable to load CA certificates\b|\bno certificates? (?:found|file) in .{0,40}\/etc\/ssl/i,
  /SSL error: certificate verify failed|SSL routines:.{0,60}:certificate verify failed/,
];
/** Somebody vouches for it whom only an operator can tell to trust: a proxy, a server's own certificate. */
const SOMEBODY_ELSES = /self[- ]signed certificate|certificate has expired|certificate is not yet valid|doesn't match|not valid for/i;
/** Brings its own list along. */
const OWN_LIST = /\b(?:requests|urllib3|httpx|certifi|aiohttp)\b.{0,200}CERTIFICATE_VERIFY_FAILED/;
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

export const CERTIFICATES_MISSING: Entry = {
  id: 24,
  slug: "certificates-missing",
  title: "The certificates of authorities are not in the image",
  verdicts: "fix: ca-certificates, or a copy of them in an image without a package manager; report where they are there",
  example: "curl: (77) error setting certificate file: /etc/ssl/certs/ca-certificates.crt",
  match: (evidence, snapshot) => firstOf(latestLike(evidence, NOT_TRUSTED), (line) => explain(line, snapshot)),
};

function explain(line: FoundLine, snapshot: ServiceSnapshot): Diagnosis | undefined {
  if (OWN_LIST.test(line.text)) return undefined;
  const told = { entry: 24, slug: "certificates-missing", subject: "ca-certificates", line, sure: "named" as const };
  const cause = "a server's certificate cannot be checked: the image has no certificates of authorities";
  const near = line.lines.slice(Math.max(0, line.at - 3), line.at + 4);
  if (near.some((one) => SOMEBODY_ELSES.test(one)))
    return reported({
      entry: 24,
      signature: "certificates-missing:other",
      cause: "a server's certificate is vouched for by nobody the image knows, or is not valid",
      lines: [line],
      sure: "named",
      verdict: "report",
      remedy: "Add the authority's certificate to the image, or have the server's renewed.",
    });
  const site = runSite(line, snapshot);
  if (site) return installed({ ...told, cause, packages: { debian: ["ca-certificates"], alpine: ["ca-certificates"] } }, site, snapshot);
  return copied({ line, cause }, placeOf(line, snapshot), snapshot);
}

/** An image without a package manager takes them over from a stage that has one. */
function copied(
  { line, cause }: { readonly line: FoundLine; readonly cause: string },
  place: Place | undefined,
  snapshot: ServiceSnapshot,
): Diagnosis | undefined {
  if (!place) return undefined;
  const { dockerfile, stage, text } = place;
  const from = dockerfile.stages.slice(0, stage.index).findLast((one) => distributionOf(dockerfile, one, snapshot) !== "unknown");
  const alone = chainOf(dockerfile, stage).length === 1;
  const told = { entry: 24, signature: "certificates-missing:ca-certificates", cause, lines: [line], sure: "named" as const };
  const copy = from && `COPY --from=${from.name ?? from.index} ${BUNDLE} ${BUNDLE}`;
  const patched = copy === undefined || !alone || text.includes(copy) ? undefined : insertAfter(text, stage.from.toLine, [copy]);
  return (
    mended({ ...told, verdict: "fix", remedy: "Copies the certificates of the stage that builds." }, snapshot, patched) ??
    reported({ ...told, verdict: "report", remedy: `Copy ${BUNDLE} into the image.` })
  );
}
