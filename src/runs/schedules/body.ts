import { z } from "zod";
import { RunRequestBody } from "../request.ts";

/** The body of `POST /schedules`. Source: runs.md. */
export const ScheduleBody = z
  .strictObject({
    cron: z.string().min(1).max(200).describe("five fields, six with seconds in front, or @hourly and its like"),
    timezone: z.string().min(1).max(100).default("UTC").describe("IANA, e.g. Europe/Berlin"),
    run: RunRequestBody.describe("the body of POST /runs, for each run"),
    catch_up: z
      .enum(["skip", "one", "all"])
      .default("one")
      .describe("times at which no daemon ran: none, one run for all of them, or each (1,000 at most)"),
    name: z.string().min(1).max(200).optional(),
    mode: z.enum(["local", "redis", "k8s"]).default("local"),
    enabled: z.boolean().default(true),
  })
  .meta({ id: "NewSchedule" });

export type NewSchedule = z.output<typeof ScheduleBody>;
