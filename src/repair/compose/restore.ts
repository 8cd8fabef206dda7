import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { removeContainer } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { inspectImage, tagImage } from "../../supervise/docker/images.ts";
import type { Before, Work } from "../target.ts";
import { newestContainer, serviceContainers, settleHalfMade } from "./containers.ts";
import { builtImage } from "./image-names.ts";
import type { Recorded } from "./recorded.ts";
import type { ComposeProject } from "./run.ts";
import type { ComposeService } from "./service.ts";
import { removeImage } from "./untag.ts";

export interface Restored {
  readonly service: ComposeService;
  readonly recorded: Recorded;
  readonly before: Before;
}

interface Files {
  readonly project: ComposeProject;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Makes what was recorded serve again, after `built` under the operator's name, and after `restarted` the container too; the operator's files are
 * restored already. False: there was nothing to do. Throws `build_failed` (the image was gone, and what was restored does not build), `start_failed`.
 */
export async function restoreService(
  restored: Restored,
  { restarted, built }: { readonly restarted: boolean; readonly built: boolean },
  work: Work,
): Promise<boolean> {
  if (!built && !restarted) return false;
  const { service, before } = restored;
  const files = await filesOfThen(restored, work);
  const { engine } = service.parts;
  if (restarted && before.containerId === undefined) {
    for (const { Id } of await serviceContainers(engine, service.name, work)) await removeContainer(engine, Id, work);
    work.onLine("there was no container before: there is none again");
  }
  await restoreImage(restored, { files, needed: restarted && before.containerId !== undefined }, work);
  if (restarted && before.containerId !== undefined) await startAgain(restored, files, work);
  return true;
}

/** The operator's own files where they still say the same, so that compose sees no difference later; else what was recorded. */
async function filesOfThen({ service, recorded }: Restored, { signal, onLine }: Work): Promise<Files> {
  const today = await service.render(signal).catch((error: unknown): JsonObject | undefined => {
    if (error instanceof OrcoError && error.code === "compose_invalid") return undefined;
    throw error;
  });
  if (today && recorded.isStill(today)) return { project: service.place() };
  onLine("the compose file says something else by now: what was recorded before the repair counts");
  const env = await recorded.values(async () => today);
  const { directory, name } = today ? service.place() : { directory: service.parts.ref.project.workspace, name: service.name.project };
  return {
    project: { ...(name !== undefined && { name }), directory, files: [recorded.configFile], envFile: recorded.emptyEnvFile() },
    env,
  };
}

/** Every name that compose may look for leads to the recorded image again; where there was none, to nothing. */
async function restoreImage(
  { service, recorded, before }: Restored,
  { files, needed }: { readonly files: Files; readonly needed: boolean },
  work: Work,
): Promise<void> {
  const { engine, compose } = service.parts;
  const own = builtImage(service.name, service.of(recorded.config()), compose.major);
  const names = [...new Set([before.imageName ?? own, own])].filter((name) => !name.includes("@"));
  if (before.imageId === undefined) {
    for (const name of names) await removeImage(engine, name, work);
    return;
  }
  const kept = await stillThere(engine, [before.imageId, before.rollbackTag], work);
  if (kept !== undefined) {
    for (const name of names) await tagImage(engine, kept, { name, signal: work.signal });
    work.onLine(`${names.join(", ")} is ${kept} again`);
    return;
  }
  if (!needed) return;
  work.onLine(`the image ${before.imageId} is gone: it is built again from the files as they were`);
  const { ok, lines } = await service.build(work, files);
  if (!ok)
    throw new OrcoError("build_failed", `the image of before is gone, and building it again failed: ${lines.at(-1) ?? ""}`, { log: lines });
}

async function startAgain(restored: Restored, files: Files, work: Work): Promise<void> {
  const { service, before } = restored;
  const { engine, ref } = service.parts;
  for (const line of await settleHalfMade(engine, service.name, work)) work.onLine(line);
  const timeoutMs = ref.profile.restartTimeoutMs;
  const args = ["up", "-d", "--no-deps", "--no-build", ref.service];
  const { ok, lines } = await service.run(args, work, { ...files, timeoutMs });
  const container = await newestContainer(engine, service.name, work);
  const isSame = container !== undefined && (await isOf(restored, container.Image, work));
  // One that did not run before need not now: it is there again as it was.
  if (isSame && (ok || !before.wasRunning)) return;
  const why = ok ? "the container is not of the recorded image" : (lines.at(-1) ?? "compose gave no reason");
  throw new OrcoError("start_failed", `the service of before could not be started again: ${why}`, { log: lines });
}

/** An image that was built again has another id. */
async function isOf({ service, before: { imageId } }: Restored, image: string, work: Work): Promise<boolean> {
  const { engine } = service.parts;
  return image === imageId || (await stillThere(engine, [imageId], work)) === undefined;
}

async function stillThere(engine: Engine, names: readonly (string | undefined)[], { signal }: Work): Promise<string | undefined> {
  for (const name of names) {
    if (name === undefined) continue;
    try {
      return (await inspectImage(engine, name, { signal })).Id;
    } catch (error) {
      if (!(error instanceof OrcoError) || error.code !== "not_found") throw error;
    }
  }
  return undefined;
}
