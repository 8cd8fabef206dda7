import { resolve } from "node:path";
import type { WatchSpec } from "../spec.ts";
import type { Declaration } from "./declaration.ts";
import type { Places } from "./places.ts";
import type { DeclaredService } from "./shape.ts";

export function resolveWatch(declared: DeclaredService, here: Declaration, { workdir, look }: Places): WatchSpec[] {
  return (declared.watch ?? []).map(({ path = ".", action = "restart", ignore = [] }, index) => {
    const absolute = resolve(workdir, path);
    if (look && look(absolute) === undefined)
      here.fail(["watch", index, "path"], `${absolute} does not exist`, `relative paths begin at stack.workdir, ${workdir}`);
    if (action === "rebuild" && !declared.build)
      here.fail(["watch", index, "action"], "rebuild needs a build", "restart starts it again, apply reads the stack file anew");
    return { path: absolute, action, ignore };
  });
}
