import { assertFires, parseCron } from "../../kernel/cron.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { ScheduleSpec } from "../spec.ts";
import type { Declaration } from "./declaration.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import type { DeclaredService } from "./shape.ts";
import { nodeAt } from "./source.ts";

/** Only what ends by itself can be started by the clock, one instance at a time. */
export function resolveSchedule(declared: DeclaredService, here: Declaration): ScheduleSpec | undefined {
  const { schedule, restartPolicy, replicas = 1 } = declared;
  if (schedule?.cron === undefined) return undefined;
  const problem = timesProblem(schedule.cron, schedule.timezone);
  if (problem) here.fail(here.isMapping("schedule") ? ["schedule", problem.field] : ["schedule"], problem.message);
  if (restartPolicy?.condition === "always")
    here.fail(
      ["restartPolicy", "condition"],
      `${here.at.name} has a schedule, but is started again whenever it ends (restartPolicy.condition: always)`,
      "use never (the default beside a schedule) or on-failure",
    );
  if (replicas > 1)
    here.fail(["replicas"], `${replicas} replicas of a scheduled service: it runs once at a time`, "declare a service for each");
  return { ...schedule, cron: schedule.cron, overlap: schedule.overlap ?? "skip" };
}

function timesProblem(cron: string, timezone = "UTC"): { field: "cron" | "timezone"; message: string } | undefined {
  try {
    assertFires(parseCron(cron, timezone), cron, 0);
    return undefined;
  } catch (error) {
    const message = messageOf(error);
    return { field: message.startsWith("timezone:") ? "timezone" : "cron", message };
  }
}

/** Warns of who waits for a scheduled service to run: most of the time it does not. */
export function checkScheduled(services: ReadonlyMap<string, Resolved>, report: Report): void {
  for (const { spec, node, path } of services.values()) {
    spec.dependsOn.forEach(({ target, require }, index) => {
      if (services.get(target)?.spec.schedule === undefined || (require !== "started" && require !== "ready")) return;
      report.add([...path, "dependsOn", index], nodeAt(node, ["dependsOn", index]), {
        severity: "warning",
        message: `${spec.name} waits for ${target} to be ${require}, which runs only when its schedule says so`,
        hint: "require: completed waits for its first success, exists for nothing",
      });
    });
  }
}
