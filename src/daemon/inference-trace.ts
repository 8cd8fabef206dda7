import { TaskSpans } from "../inference/spans/task-spans.ts";
import { taskLog, type TaskLogger } from "../inference/tasks-log.ts";
import type { DeskOptions } from "../inference/tasks/options.ts";
import type { Clock } from "../kernel/clock.ts";
import { SpanOutbox } from "../kernel/otel/outbox.ts";

interface TraceOptions {
  readonly clock: Clock;
  /** OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string | undefined;
  readonly log: TaskLogger;
  readonly engineOf: (pool: string) => string | undefined;
  readonly onError: (error: unknown) => void;
}

/** What the desk tells of its tasks goes into the log, and into spans where somebody takes them. */
export function traceInference({ clock, endpoint, log, engineOf, onError }: TraceOptions) {
  const outbox = endpoint === undefined ? undefined : new SpanOutbox({ clock, endpoint, scope: "orco.inference", onError });
  const spans = new TaskSpans({ put: outbox && ((ended) => outbox.put(ended)), now: () => clock.now(), engineOf });
  const lines = taskLog(log, engineOf);
  const ports: Pick<DeskOptions, "spans" | "onDispatch" | "onEnd" | "onRefusal"> = {
    spans,
    onDispatch: (task) => lines.dispatched(task),
    onEnd: (task) => {
      lines.ended(task);
      spans.ended(task);
    },
    onRefusal: (request, error) => {
      lines.refused(request, error);
      spans.refused(request, error);
    },
  };
  return { ports, close: async () => outbox?.close() };
}
