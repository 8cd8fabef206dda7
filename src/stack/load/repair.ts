import type { ServiceSpec } from "../spec.ts";
import type { Declaration } from "./declaration.ts";
import type { DeclaredService } from "./shape.ts";

/** What a repair changes is what an image is built from: without that there is nothing to repair. */
export function resolveRepair({ repair = "off", build }: DeclaredService, here: Declaration): NonNullable<ServiceSpec["repair"]> {
  if (repair !== "off" && build === undefined)
    here.fail(
      ["repair"],
      `repair: ${repair} needs build: only what an image is built from can be patched`,
      "give the service build, or take repair away",
    );
  return repair;
}
