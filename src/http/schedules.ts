import { z } from "zod";
import { ScheduleBody } from "../runs/schedules/body.ts";
import { callerOf, reservedOf } from "./caller.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { limit, none } from "./schemas.ts";

const one = z.strictObject({ id: z.string().min(1).max(200) });
const MAX_SCHEDULE_BYTES = 8 * 1024 * 1024;

/** Runs that are made again and again (runs.md). */
export function scheduleRoutes(site: Site): void {
  const { schedules } = site.deps.services;
  const path = "/schedules";
  const create = {
    path,
    id: "createSchedule",
    summary: "Make a run at every time of a cron expression",
    body: { schema: ScheduleBody, required: true, maxBytes: MAX_SCHEDULE_BYTES },
    answers: { 201: json("It is on disk", "Schedule") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...create }, async (c, { body }) => {
    const made = await schedules.create(body.kind === "json" ? body.value : ScheduleBody.parse({}), {
      owner: callerOf(c),
      ...reservedOf(c),
    });
    return c.json(made, 201, { location: `/schedules/${made.id}` });
  });

  const query = z.strictObject({ limit, cursor: z.string().optional() });
  const list = { path, id: "listSchedules", summary: "Schedules, newest first", answers: { 200: json("Schedules", "ScheduleList") } };
  endpoint(site, { method: "get", params: none, query, ...list }, (c, { query: { limit: count, cursor } }) => {
    const bound = { list: "schedules" };
    const before = cursor === undefined ? {} : { before: decodeCursor(cursor, bound) };
    const found = schedules.list({ limit: count + 1, ...before });
    const page = found.slice(0, count);
    const last = page.at(-1);
    if (found.length <= count || !last) return c.json({ schedules: page });
    const next = encodeCursor(last.id, bound);
    return c.json({ schedules: page, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });

  const get = { path: `${path}/{id}`, id: "getSchedule", summary: "A schedule", answers: { 200: json("Schedule", "Schedule") } };
  endpoint(site, { method: "get", params: one, query: none, ...get }, (c, { params }) => c.json(schedules.get(params.id)));

  const remove = { path: `${path}/{id}`, id: "deleteSchedule", summary: "Make no more of them", answers: { 204: { description: "Gone" } } };
  endpoint(site, { method: "delete", params: one, query: none, ...remove }, async (c, { params }) => {
    await schedules.remove(params.id);
    return c.body(null, 204);
  });
}
