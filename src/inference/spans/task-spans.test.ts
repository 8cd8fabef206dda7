import { expect, test } from "bun:test";
import { parseTraceparent } from "../../kernel/otel/context.ts";
import type { SpanData } from "../../kernel/otel/span.ts";
import { failure } from "../failure.ts";
import { requestOf, taskOf } from "./task.fake.ts";
import { TaskSpans } from "./task-spans.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const GIVEN = `00-${TRACE}-b7ad6b7169203331-01`;

function traced(): { spans: TaskSpans; sent: SpanData[] } {
  const sent: SpanData[] = [];
  return { sent, spans: new TaskSpans({ put: (spans) => sent.push(...spans), now: () => 900, engineOf: () => "llamacpp" }) };
}

test("a caller's trace goes on to the engine with a new parent, also where nothing is exported", () => {
  const silent = new TaskSpans({ now: () => 0, engineOf: () => undefined });
  const request = requestOf({ traceparent: GIVEN });
  const upstream = parseTraceparent(silent.traceparentOf(request));
  expect(upstream).toMatchObject({ traceId: TRACE, flags: 1 });
  expect(upstream?.spanId).not.toBe("b7ad6b7169203331");
  expect(silent.traceparentOf(request)).toBe(silent.traceparentOf(request) as string);
  expect(silent.traceparentOf(requestOf())).toBeUndefined();
  expect(parseTraceparent(traced().spans.traceparentOf(requestOf()))?.flags).toBe(1);
});

test("admission, placement, dispatch and stream of a task, below the caller's span", () => {
  const { spans, sent } = traced();
  const request = requestOf({ traceparent: GIVEN });
  const upstream = parseTraceparent(spans.traceparentOf(request));
  spans.ended(taskOf(request));
  expect(sent.map(({ name, start, end }) => [name, start, end])).toEqual([
    ["task", 1000, 1200],
    ["admission", 1000, 1045],
    ["placement", 1045, 1045],
    ["dispatch", 1045, 1200],
    ["stream", 1055, 1200],
  ]);
  const [task, admission, placement, dispatch, stream] = sent;
  expect([task?.parent, task?.remoteParent]).toEqual(["b7ad6b7169203331", true]);
  expect([admission?.parent, placement?.parent, dispatch?.parent]).toEqual(Array(3).fill(task?.spanId));
  expect([stream?.parent, dispatch?.spanId]).toEqual([dispatch?.spanId, upstream?.spanId]);
  expect(new Set(sent.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]));
  expect(stream?.attributes).toMatchObject({ "gen_ai.usage.output_tokens": 4, "orco.engine": "llamacpp", "orco.pool.id": "p" });
  expect(JSON.stringify(sent)).not.toContain("secret");
});

test("a task that failed while it waited, and one that was refused, end in an error", () => {
  const { spans, sent } = traced();
  const failed = failure("DEADLINE_UNMET", "too late");
  const standing = { state: "failed" as const, pool: "p", failure: { code: "DEADLINE_UNMET" as const, message: "m", retriable: false } };
  spans.ended(taskOf(requestOf(), { standing }));
  spans.refused(requestOf(), failed);
  expect(sent.map(({ name, error }) => [name, error])).toEqual([
    ["task", "DEADLINE_UNMET"],
    ["admission", "DEADLINE_UNMET"],
    ["task", "DEADLINE_UNMET"],
    ["admission", "DEADLINE_UNMET"],
  ]);
});

test("who does not sample is not exported", () => {
  const { spans, sent } = traced();
  const request = requestOf({ traceparent: GIVEN.replace(/01$/, "00") });
  spans.ended(taskOf(request));
  spans.refused(request, failure("INTERNAL", ""));
  expect([sent, parseTraceparent(spans.traceparentOf(request))?.flags]).toEqual([[], 0]);
});
