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

/** Podman does not tell of a kill for want of memory where control groups are of version 1. */
export async function tellsOfMemory(engine: Engine): Promise<boolean> {
  const { CgroupVersion } = await engine.call<{ CgroupVersion?: string }>("GET", "/info");
  return CgroupVersion !== "1" || !(await engine.isPodman());
}

export interface TestRegistry {
  readonly image: string;
  /** Its host and port. */
  readonly host: string;
  /** Keeps the second half of the image back until `go`. */
  readonly hold: () => Promise<unknown>;
  readonly go: () => Promise<unknown>;
  /** How often a manifest was asked for. */
  readonly asked: () => Promise<number>;
  readonly close: () => Promise<unknown>;
}

/** A registry of one image that is not on this machine (`tiny:foreign` is it for other platforms); it wants `login` (`user:password`) where given. `close` ends it. */
export async function registryHere(login?: string): Promise<TestRegistry> {
  const program = new URL("../programs/registry.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, program, ...(login === undefined ? [] : [login])], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Buffer.from(value ?? [])
    .toString()
    .trim();
  const close = (): Promise<unknown> => {
    child.kill();
    return child.exited;
  };
  const host = `127.0.0.1:${port}`;
  const tell = (what: string): Promise<Response> => fetch(`http://${host}/${what}`, { method: "POST" });
  const asked = async (): Promise<number> => Number(await (await tell("asked")).text());
  return { image: `${host}/tiny:1`, host, hold: () => tell("hold"), go: () => tell("go"), asked, close };
}
