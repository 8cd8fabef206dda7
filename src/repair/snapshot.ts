import type { ServiceConfig } from "./project.ts";

export type Distribution = "debian" | "alpine" | "unknown";

/**
 * A service as the catalogue looks at it: text, no file system. Paths are relative to the workspace, with `/` between and none in front.
 * Bounds: 20,000 paths, 256 KiB a file, 8 MiB in all; what is larger is not in `files`.
 */
export interface ServiceSnapshot {
  readonly service: string;
  /** The build context, below which patches may go; "" is the workspace itself. */
  readonly directory: string;
  readonly dockerfile?: { readonly path: string; readonly text: string };
  /** `build.target`. */
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Every file below the directory (and the Dockerfile), sorted. */
  readonly paths: readonly string[];
  /** Text of files that the catalogue reads: Dockerfiles, dependency files, scripts. */
  readonly files: ReadonlyMap<string, string>;
  /** Permission bits, e.g. 0o755. */
  readonly modes: ReadonlyMap<string, number>;
  readonly config: ServiceConfig;
  /** By image name as written in FROM (build arguments filled in): from its name, else `/etc/os-release` in it. */
  readonly distributions: ReadonlyMap<string, Distribution>;
}
