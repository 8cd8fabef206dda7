import { existsSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { cache } from "./peer.ts";

const MODULE = "github.com/docker/compose/v2";
const VERSION = "v2.40.3";
const folder = () => cache("compose");
const bin = () => join(folder(), `docker-compose-${VERSION}`);

/** Docker compose as a program of its own; it needs no docker CLI around it. */
export const compose = {
  bin,
  available: async () => existsSync(bin()),
  /**
   * From the Go module proxy. Its go.mod has replacements, which Go obeys in the main module only: it is built where the module cache has put it, from its own
   * list of checksums, without writing there.
   */
  install: async () => {
    const env = { ...process.env, GOFLAGS: "-buildvcs=false -mod=readonly", CGO_ENABLED: "0" } as Record<string, string>;
    const found = await execute(["go", "mod", "download", "-json", `${MODULE}@${VERSION}`], {
      cwd: folder(),
      env: { ...env, GOFLAGS: "" },
      timeoutMs: 180_000,
    });
    const { Dir } = JSON.parse(found) as { Dir: string };
    const flags = ["-trimpath", "-ldflags", `-s -w -X ${MODULE}/internal.Version=${VERSION}`];
    await execute(["go", "build", ...flags, "-o", bin(), "./cmd"], { cwd: Dir, env, timeoutMs: 900_000 });
  },
  version: async () => (await execute([bin(), "version", "--short"], { timeoutMs: 10_000 })).trim(),
};
