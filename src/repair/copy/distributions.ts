import { OrcoError } from "../../kernel/errors.ts";
import { createContainer, removeContainer } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import type { Distribution } from "../snapshot.ts";
import { fileOf } from "./container-files.ts";
import { REPAIR_LABEL } from "./repair-label.ts";

/** A Dockerfile has a few. */
const MAX_IMAGES = 16;
/** The first is a link to the second in most images, and docker hands out the link. */
const OS_RELEASE = ["/etc/os-release", "/usr/lib/os-release"];

/** Images that stages are made from, as written in FROM with arguments filled in; neither other stages nor `scratch`. */
export function baseImages(dockerfile: string, buildArgs: Readonly<Record<string, string>>): string[] {
  const { stages } = parseDockerfile(dockerfile, buildArgs);
  const names = new Set(stages.map(({ name }) => name?.toLowerCase()));
  const images = stages.map(({ image }) => image).filter((image) => image !== "" && image !== "scratch" && !names.has(image.toLowerCase()));
  return [...new Set(images)].slice(0, MAX_IMAGES);
}

/**
 * What an image is made of, by its os-release; its container never runs. Undefined for an image that is not on this machine. `run`: of whom the container
 * is, should it be left behind.
 */
export async function distributionIn(
  engine: Engine,
  image: string,
  { run, signal }: { run: string; signal: AbortSignal },
): Promise<Distribution | undefined> {
  const id = await made(engine, image, { run, signal });
  if (id === undefined) return undefined;
  try {
    let text = "";
    for (const path of OS_RELEASE) text ||= (await fileOf(engine, id, { path, signal }))?.toString() ?? "";
    return distributionOfRelease(text);
  } finally {
    await removeContainer(engine, id);
  }
}

/** Of the text of os-release(5). */
export function distributionOfRelease(text: string): Distribution {
  const values = [...text.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)].flatMap(([, value = ""]) => value.replace(/["']/g, "").split(/\s+/));
  if (values.includes("alpine")) return "alpine";
  return values.some((value) => value === "debian" || value === "ubuntu") ? "debian" : "unknown";
}

async function made(engine: Engine, image: string, { run, signal }: { run: string; signal: AbortSignal }): Promise<string | undefined> {
  try {
    return await createContainer(engine, undefined, { spec: { Image: image, Cmd: ["true"], Labels: { [REPAIR_LABEL]: run } }, signal });
  } catch (error) {
    if (error instanceof OrcoError && (error.code === "not_found" || error.code === "invalid")) return undefined;
    throw error;
  }
}
