import { OrcoError } from "../../kernel/errors.ts";
import { removeAnalysisContainers } from "../copy/repair-label.ts";
import type { CallOptions, Engine } from "../../supervise/docker/engine.ts";

/** Takes a name away, and the image where it was its last and nothing runs it. Nothing happens where it is not there, or still needed. */
export async function removeImage(engine: Engine, name: string, options: CallOptions = {}): Promise<void> {
  try {
    await engine.call("DELETE", `/images/${encodeURIComponent(name)}`, options);
  } catch (error) {
    if (!(error instanceof OrcoError) || (error.code !== "not_found" && error.code !== "conflict" && !isGoing(error))) throw error;
  }
}

/** Docker's own word for an image that somebody else removes at this moment. */
function isGoing({ message }: OrcoError): boolean {
  return message.includes("unrecognized image ID");
}

const OURS = ["orco-rollback/", "orco-trial/"];

/**
 * What bears the name of runs that nobody rolls back any more: the images that were kept, and what a dead daemon left of trials and tools. Docker may be away:
 * then they stay.
 */
export async function removeRunImages(engine: Engine, runs: ReadonlySet<string>): Promise<void> {
  for (const run of runs) await removeAnalysisContainers(engine, { run });
  const filters = JSON.stringify({ reference: OURS.map((prefix) => `${prefix}*`) });
  const rows = await engine.call<{ readonly RepoTags: readonly string[] | null }[]>("GET", "/images/json", { query: { filters } });
  const tags = rows.flatMap(({ RepoTags }) => RepoTags ?? []).filter((tag) => OURS.some((prefix) => tag.startsWith(prefix)));
  for (const tag of tags) if (runs.has(tag.split(":").at(-1) ?? "")) await removeImage(engine, tag);
}
