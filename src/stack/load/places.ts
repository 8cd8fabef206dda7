import { statSync } from "node:fs";
import { posix, resolve } from "node:path";
import { errnoOf } from "../../kernel/errors.ts";
import type { VolumeSpec } from "../spec.ts";
import type { Declaration } from "./declaration.ts";
import type { DeclaredVolume } from "./volumes.ts";

/** What stands at an absolute path; undefined: nothing. What cannot be looked at counts as a file. */
export type Look = (path: string) => "file" | "folder" | undefined;

/** On this machine. */
export function lookAt(path: string): ReturnType<Look> {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code === "ENOENT" || code === "ENOTDIR" ? undefined : "file";
  }
}

/** Where paths of a service begin, and how they are looked at. */
export interface Places {
  /** Of the stack; absolute. */
  readonly workdir: string;
  /** Of `~`. */
  readonly home?: string;
  /** Absent: nothing is looked at (lint on another machine). */
  readonly look?: Look | undefined;
}

/** Volumes with absolute sources; a folder of this machine that is not there is reported: made by docker it would be root's, and empty. */
export function resolveVolumes(declared: readonly DeclaredVolume[], here: Declaration, places: Places): VolumeSpec[] {
  const seen = new Set<string>();
  return declared.flatMap((volume): VolumeSpec[] => {
    const fail = (message: string, hint?: string): void => here.fail(["volumes", volume.index], message, hint);
    if (seen.has(volume.target)) fail(`two volumes at ${volume.target}`, "a place in the container has one volume");
    seen.add(volume.target);
    const { type, source, target, readOnly, external } = volume;
    if (type === "tmpfs") return [{ kind: "tmpfs", target, ...(volume.size !== undefined && { sizeBytes: volume.size }) }];
    if (source === undefined) return [{ kind: "anonymous", target }];
    if (type === "volume") return [{ kind: "volume", name: source, target, readOnly, external }];
    const absolute = hostPath(source, places);
    if (absolute === undefined) {
      fail(
        source === "~" || source.startsWith("~/") ? "HOME is not set, so ~ leads nowhere" : `${source}: only ~ itself is known`,
        "write the whole path",
      );
      return [];
    }
    if (places.look && places.look(absolute) === undefined)
      fail(`${absolute} does not exist`, "make it first: orco makes no folders of this machine (a name without / is a volume of docker)");
    return [{ kind: "bind", source: absolute, target, readOnly, ...(volume.selinux && { selinux: volume.selinux }) }];
  });
}

function hostPath(source: string, { workdir, home }: Places): string | undefined {
  if (!source.startsWith("~")) return resolve(workdir, source);
  if (source !== "~" && !source.startsWith("~/")) return undefined;
  return home === undefined || !posix.isAbsolute(home) ? undefined : resolve(home, source.slice(2));
}
