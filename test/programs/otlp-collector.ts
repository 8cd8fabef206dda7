// otlp-collector.ts [--fail N] [--status CODE]: takes traces as OTLP/HTTP JSON at /v1/traces, after answering the first N batches with CODE (503).
// GET /spans gives all spans taken, flat, with plain attributes and `resource`. Prints "listening on PORT".
import { parseArgs } from "node:util";

interface KeyValue {
  readonly key: string;
  readonly value: Record<string, unknown>;
}
interface Batch {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly { readonly attributes: readonly KeyValue[] }[] }[];
  }[];
}

const { values } = parseArgs({ options: { fail: { type: "string", default: "0" }, status: { type: "string", default: "503" } } });
const spans: object[] = [];
let failures = Number(values.fail);

function plain(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/spans") return Response.json(spans);
    if (pathname !== "/v1/traces" || request.method !== "POST") return new Response("", { status: 404 });
    const batch = (await request.json()) as Batch;
    if (failures-- > 0) return new Response("", { status: Number(values.status) });
    for (const { resource, scopeSpans } of batch.resourceSpans)
      for (const span of scopeSpans.flatMap((scope) => scope.spans))
        spans.push({ ...span, attributes: plain(span.attributes), resource: plain(resource.attributes) });
    return Response.json({});
  },
});
console.log(`listening on ${server.port}`);
