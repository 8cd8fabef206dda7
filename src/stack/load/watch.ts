import { resolve } from "node:path";
import type { WatchSpec } from "../spec.ts";
import type { Place } from "./field.ts";
import type { Places } from "./places.ts";
import type { DeclaredService } from "./shape.ts";
import { type Mapping, nodeAt, type Path } from "./source.ts";

export function resolveWatch(declared: DeclaredService, { node, at, places }: { node: Mapping; at: Place; places: Places }): WatchSpec[] {
  return (declared.watch ?? []).map(({ path = ".", action = "restart", ignore = [] }, index) => {
    const fail = (field: string, message: string, hint?: string): void => {
      const place: Path = ["watch", index, field];
      at.report.add([...at.path, ...place], nodeAt(node, place), { message, hint });
    };
    const absolute = resolve(places.workdir, path);
    if (places.look && places.look(absolute) === undefined) fail("path", `${absolute} does not exist`, "it is relative to stack.workdir");
    if (action === "rebuild" && !declared.build)
      fail("action", "rebuild needs a build", "restart starts it again, apply reads the stack file anew");
    return { path: absolute, action, ignore };
  });
}
