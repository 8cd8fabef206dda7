import { z } from "zod";
import type { Channel, ResumePoint } from "../inference/relay/channel.ts";
import type { TaskService } from "../inference/service.ts";
import { placeText } from "../inference/tasks/page.ts";
import { OrcoError } from "../kernel/errors.ts";
import { endpoint, json, type Site } from "./endpoint.ts";
import { epilogue } from "./inference-epilogue.ts";
import { RelayStream } from "./inference-stream.ts";
import { decodeCursor, encodeCursor, nextLink } from "./page.ts";
import { flag, limit, none } from "./schemas.ts";
import { type Cursor, cursorOf, SSE_HEADERS, SSE_HEARTBEAT, SSE_RETRY } from "./sse.ts";
import { MAX_TASK_BYTES, type NewTask, TaskBody, taskRequest } from "./task-bodies.ts";

/** A UUID is the same one in either case (RFC 9562, 4). */
const one = z.strictObject({ id: z.string().min(1).max(200).toLowerCase() });
const path = "/v2/tasks";
const body = { schema: TaskBody, required: true, exact: true, maxBytes: MAX_TASK_BYTES };

/** Tasks for engines (inference.md): admitted, watched, canceled. */
export function inferenceTaskRoutes(site: Site): void {
  createRoutes(site);
  readRoutes(site);
  eventsRoute(site);
}

function createRoutes(site: Site): void {
  const { deps } = site;
  const tasks = () => deps.services.inference.tasks;
  const create = {
    path,
    id: "createTask",
    summary: "Queue a task for an engine",
    body,
    answers: { 202: json("Accepted, and that is on disk", "TaskAccepted") },
    creates: true,
  };
  endpoint(site, { method: "post", params: none, query: none, ...create }, async (c, input) => {
    const accepted = await tasks().accept(taskRequest(c, deps, valueOf(input.body)));
    return c.json(accepted, 202, { location: `${path}/${accepted.task_id}` });
  });

  const answers = { 200: json("Where it would go, and why; nothing is done", "PlacementExplanation") };
  const explain = { path: "/v2/placement/explain", id: "explainPlacement", summary: "Where a task would go", body, answers };
  endpoint(site, { method: "post", params: none, query: none, ...explain }, (c, input) =>
    c.json(tasks().explain(taskRequest(c, deps, valueOf(input.body)))),
  );

  const cancel = {
    path: `${path}/{id}/cancel`,
    id: "cancelTask",
    summary: "Cancel a task",
    answers: { 204: { description: "No token follows" } },
  };
  endpoint(site, { method: "post", params: one, query: none, ...cancel }, async (c, { params }) => {
    await tasks().cancel(params.id);
    return c.body(null, 204);
  });
}

/** The body is required, so that it is there. What the engine gets is as it was written. */
function valueOf(input: { kind: string; value?: NewTask; exact?: unknown }): NewTask {
  const { value = TaskBody.parse({}), exact } = input;
  if (exact === undefined) return value;
  const { messages = value.messages, inputs = value.inputs } = exact as Pick<NewTask, "messages" | "inputs">;
  return { ...value, messages, inputs };
}

function readRoutes(site: Site): void {
  const inference = () => site.deps.services.inference;
  const query = z.strictObject({ limit, cursor: z.string().optional() });
  const list = {
    path,
    id: "listTasks",
    summary: "Tasks: those that run and wait, then those that ended",
    answers: { 200: json("Tasks", "TaskList") },
  };
  endpoint(site, { method: "get", params: none, query, ...list }, (c, { query: { limit: count, cursor } }) => {
    const bound = { list: "tasks" };
    const before = cursor === undefined ? {} : { before: decodeCursor(cursor, bound) };
    const found = inference().tasks.list({ limit: count + 1, ...before });
    const page = found.slice(0, count);
    const last = page.at(-1);
    if (found.length <= count || !last) return c.json({ tasks: page });
    const next = encodeCursor(placeText(last), bound);
    return c.json({ tasks: page, next_cursor: next }, 200, { link: nextLink(c.req.url, next) });
  });

  const get = { path: `${path}/{id}`, id: "getTask", summary: "A task", answers: { 200: json("Task", "Task") } };
  endpoint(site, { method: "get", params: one, query: none, ...get }, (c, { params }) => c.json(inference().tasks.get(params.id)));

  const answers = { 200: json("What this control plane can do", "InferenceCapabilities") };
  const capabilities = { path: "/v2/meta/capabilities", id: "inferenceCapabilities", summary: "Capabilities", answers };
  endpoint(site, { method: "get", params: none, query: none, ...capabilities }, (c) => c.json(inference().capabilities()));
}

const eventsQuery = z.strictObject({
  verbose: flag.optional().describe("with metrics {queue_depth, tokens_per_s}"),
  lastEventId: z.string().optional().describe("as the header Last-Event-ID, which wins"),
});

const HEARTBEAT = new TextEncoder().encode(SSE_HEARTBEAT);
const OPENING = new TextEncoder().encode(SSE_RETRY);

function eventsRoute(site: Site): void {
  const { deps } = site;
  const tasks = () => deps.services.inference.tasks;
  const answers = {
    200: { description: "started, token…, result, end; or error", content: { "text/event-stream": "TaskEvent" } as const },
    204: { description: "The end was seen before" },
  };
  const events = { path: `${path}/{id}/events`, id: "taskEvents", summary: "What a task says, as it comes", answers };
  endpoint(
    site,
    { method: "get", params: one, query: eventsQuery, ...events },
    (c, { params, query: { verbose = false, lastEventId } }) => {
      const cursor = cursorOf({ header: c.req.header("last-event-id"), lastEventId });
      const channel = channelOf(tasks(), params.id, cursor);
      if (channel instanceof Response) return channel;
      const from = pointOf(cursor);
      if (from && channel.isOverAt(from)) return c.body(null, 204);
      c.set("streaming", true);
      if (c.req.method === "HEAD") return new Response(null, { headers: SSE_HEADERS });
      c.env.hold();
      const stream = new RelayStream(deps, { opening: OPENING, heartbeat: HEARTBEAT, last: asItIs });
      stream.join(() => channel, { verbose, ...(from && { from }) });
      return new Response(stream.body, { headers: SSE_HEADERS });
    },
  );
}

/** The channel's own last event says how it ended. */
function asItIs(): { broken: boolean } {
  return { broken: false };
}

/** Of a task whose stream is gone, what there is still to say. Throws NOT_FOUND, CONFLICT. */
function channelOf(tasks: TaskService, id: string, cursor: Cursor): Channel | Response {
  try {
    return tasks.channel(id);
  } catch (error) {
    const last = error instanceof OrcoError && error.code === "NOT_FOUND" ? epilogue(tasks.get(id), cursor) : undefined;
    if (!last) throw error;
    return last;
  }
}

function pointOf(cursor: Cursor): ResumePoint | undefined {
  if (cursor.kind === "id") return { seq: cursor.seq, ms: cursor.ms };
  return cursor.kind === "time" ? { ms: cursor.ms } : undefined;
}
