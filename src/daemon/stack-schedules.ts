import type { Schedules } from "../runs/schedules/schedules.ts";
import type { ScheduleBook } from "../stack/scheduled/book.ts";

/** The schedules of stacks, as the run engine keeps them. */
export function stackSchedules(schedules: Schedules): ScheduleBook {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return {
    put: (owner, { cron, timezone = here }) => schedules.declare(owner, { cron, timezone }),
    pause: async (owner, paused) => {
      const known = schedules.declared().find(({ of }) => of?.stack === owner.stack && of.service === owner.service);
      if (known) await schedules.declare(owner, { cron: known.cron, timezone: known.timezone, enabled: !paused });
    },
    remove: (owner) => schedules.undeclare(owner),
    all: () =>
      schedules.declared().flatMap(({ of, timezone, enabled, nextAt }) => {
        return of ? [{ ...of, timezone, paused: !enabled, ...(nextAt !== undefined && { nextAt }) }] : [];
      }),
  };
}
