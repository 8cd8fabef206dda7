import { Engine } from "../../src/supervise/docker/engine.ts";
import { inspectImage } from "../../src/supervise/docker/images.ts";

export const IMAGE = "busybox:local";
const HOST = process.env["DOCKER_HOST"] || "unix:///var/run/docker.sock";

/** The docker of this machine, with the image of the tests. Undefined where there is none and nobody insists on it (CI does): then the tests are left out, aloud. */
export async function dockerHere(): Promise<Engine | undefined> {
  const engine = new Engine(HOST);
  try {
    await inspectImage(engine, IMAGE, { timeoutMs: 5000 });
  } catch (error) {
    if (process.env["CI"] !== "true") {
      console.log(`skipped: tests of containers, because ${String(error)} (.ci/docker-up makes one ready)`);
      return undefined;
    }
  }
  return engine;
}

/** A registry of one image that is not on this machine; `close` ends it. */
export async function registryHere(): Promise<{ readonly image: string; readonly close: () => Promise<unknown> }> {
  const program = new URL("../programs/registry.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, program], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Buffer.from(value ?? [])
    .toString()
    .trim();
  const close = (): Promise<unknown> => {
    child.kill();
    return child.exited;
  };
  return { image: `127.0.0.1:${port}/tiny:1`, close };
}
