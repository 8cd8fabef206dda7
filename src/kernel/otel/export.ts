import type { HrTime, SpanContext } from "@opentelemetry/api";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { errnoOf } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { SpanData } from "./span.ts";

/** `refused`: sending it again is no use. */
export type Exported = { readonly ok: true } | { readonly ok: false; readonly error: unknown; readonly refused: boolean };

type Api = Pick<typeof import("@opentelemetry/api"), "SpanKind" | "SpanStatusCode">;

/** OTLP over HTTP. The libraries take 20 MB of memory, so that only who traces loads them. */
export class TraceExporter {
  private readonly resource = resourceOf();

  private constructor(
    private readonly exporter: SpanExporter,
    private readonly api: Api,
    private readonly scope: string,
  ) {}

  /** `endpoint`: OTEL_EXPORTER_OTLP_ENDPOINT, without the path of traces. `scope`: who makes the spans. */
  static async load(endpoint: string, scope: string): Promise<TraceExporter> {
    const [{ OTLPTraceExporter }, api] = await Promise.all([
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/api"),
    ]);
    const base = endpoint.replace(/\/+$/, "");
    const url = base.endsWith("/v1/traces") ? base : `${base}/v1/traces`;
    return new TraceExporter(new OTLPTraceExporter({ url }), api, scope);
  }

  /** Never rejects. The library tries again by itself for some seconds. */
  export(spans: readonly SpanData[]): Promise<Exported> {
    const readable = spans.map((span) => this.readable(span));
    return new Promise((resolve) => {
      this.exporter.export(readable, ({ error }) => resolve(error ? { ok: false, error, refused: isRefusal(error) } : { ok: true }));
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  private readable(span: SpanData): ReadableSpan {
    const { name, traceId, parent, flags, start, end, error, attributes } = span;
    const { SpanKind, SpanStatusCode } = this.api;
    const context = (spanId: string, isRemote: boolean): SpanContext => ({ traceId, spanId, traceFlags: flags, isRemote });
    return {
      name,
      kind: SpanKind.INTERNAL,
      spanContext: () => context(span.spanId, false),
      ...(parent !== undefined && { parentSpanContext: context(parent, span.remoteParent ?? false) }),
      startTime: hrTime(start),
      endTime: hrTime(end),
      duration: hrTime(end - start),
      status: error === undefined ? { code: SpanStatusCode.OK } : { code: SpanStatusCode.ERROR, message: error },
      attributes: { ...attributes },
      links: [],
      events: [],
      ended: true,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
      resource: this.resource,
      instrumentationScope: { name: this.scope, version: VERSION },
    };
  }
}

function resourceOf(): ReadableSpan["resource"] {
  const attributes = { "service.name": "orco", "service.version": VERSION };
  const resource: ReadableSpan["resource"] = { attributes, merge: () => resource, getRawAttributes: () => Object.entries(attributes) };
  return resource;
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1000), (ms % 1000) * 1_000_000];
}

/** The collector understood, and does not want it. */
function isRefusal(error: unknown): boolean {
  const status = typeof error === "object" && error !== null && "code" in error ? Number(error.code) : Number(errnoOf(error));
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
