import type { Diagnosis, Source } from "../finding.ts";

/** Where in the evidence a diagnosis was read: its first evidence line is `source:line: text`. */
interface Place {
  readonly source: Source;
  readonly line: number;
}

/** Among the texts, what docker knows of the container comes after a build (which must pass first) and before what the container said (maybe earlier). */
const SOURCES: readonly Source[] = ["given", "build", "state", "container"];
/** Things around a service. A program that lacks a module often complains of its surroundings first: they explain only what nothing else does. */
const SURROUNDINGS: ReadonlySet<string> = new Set(["env-missing", "database-refused"]);
/** What a tool says that could not fetch its index: with the network away it is not the fault. */
const OF_THE_NETWORK: ReadonlySet<number> = new Set([2, 9, 10, 11]);

/**
 * Best first:
 * 1. what names a fault of the service, before what names its surroundings, before what only asks for another try – but a package that was not found
 *    after the network failed is the network's fault;
 * 2. the more telling source: given, build, state, container;
 * 3. the later line: a program dies of what it says last;
 * 4. of the same line: the one that is mended, the surer one, the lower number in the catalogue.
 */
export function inOrder(found: readonly Diagnosis[]): readonly Diagnosis[] {
  const network = found.filter(({ finding }) => finding.verdict === "retry").map(placeOf);
  const told = found.filter((one) => !isOfTheNetwork(one, network));
  return told.toSorted((a, b) => compare(a, b));
}

function compare(a: Diagnosis, b: Diagnosis): number {
  const [here, there] = [placeOf(a), placeOf(b)];
  return (
    weight(a) - weight(b) ||
    SOURCES.indexOf(here.source) - SOURCES.indexOf(there.source) ||
    there.line - here.line ||
    Number(b.remedy !== undefined) - Number(a.remedy !== undefined) ||
    b.finding.confidence - a.finding.confidence ||
    (a.finding.entry ?? 0) - (b.finding.entry ?? 0)
  );
}

function weight({ finding }: Diagnosis): number {
  if (finding.verdict === "retry") return 2;
  return SURROUNDINGS.has(finding.signature.split(":", 1)[0] ?? "") ? 1 : 0;
}

function isOfTheNetwork({ finding }: Diagnosis, network: readonly Place[]): boolean {
  if (finding.entry === undefined || !OF_THE_NETWORK.has(finding.entry)) return false;
  const { source, line } = placeOf({ finding });
  return network.some((one) => one.source === source && one.line < line);
}

function placeOf({ finding }: Pick<Diagnosis, "finding">): Place {
  const found = /^(given|build|container|state):(\d{1,12}):/.exec(finding.evidence[0] ?? "");
  return found ? { source: found[1] as Source, line: Number(found[2]) } : { source: "container", line: 0 };
}
