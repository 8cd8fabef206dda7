import { join } from "node:path";
import { execute } from "../peers/execute.ts";
import type { Ground } from "../peers/stack.ts";

export const IMAGE = "busybox:local";

/** Throws when no docker is here, or its image is not. */
export async function needDocker(): Promise<void> {
  try {
    await execute(["docker", "image", "inspect", IMAGE], { timeoutMs: 10_000 });
  } catch (error) {
    throw new Error(`no docker with the image ${IMAGE} (.ci/docker-up makes one ready)`, { cause: error });
  }
}

/** The target of the benches of the edge, to be mounted: containers need no image of their own then. */
export async function containerProgram(ground: Ground): Promise<string> {
  const program = join(ground.root, "container-target");
  await execute(["cc", "-O2", "-static", "-o", program, join(import.meta.dir, "../programs/edge-target.c")], { timeoutMs: 30_000 });
  return program;
}
