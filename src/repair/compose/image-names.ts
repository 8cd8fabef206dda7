import type { ServiceConfig } from "../project.ts";
import type { ServiceName } from "./containers.ts";

/** A part of an image's name: lower case, single separators. */
function part(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "") || "service"
  );
}

export function trialImage(service: string, run: string): string {
  return `orco-trial/${part(service)}:${run}`;
}

export function rollbackImage(service: string, run: string): string {
  return `orco-rollback/${part(service)}:${run}`;
}

/** What compose calls the image that it builds: v1 joins with `_`, v2 with `-`. */
export function builtImage({ project, service }: ServiceName, { image }: ServiceConfig, major: 1 | 2): string {
  return image ?? `${project}${major === 1 ? "_" : "-"}${service}`.toLowerCase();
}
