import type { Clock } from "../../kernel/clock.ts";
import { EngineFault } from "../adapters/adapter.ts";
import { Call } from "./call.ts";
import type { AnswerHandlers } from "./exchange.ts";
import { HeadMemory } from "./head-memory.ts";
import { IdleLinks } from "./idle.ts";
import { type Lookup, systemLookup, targetOf, type UpstreamTarget } from "./target.ts";

const CONNECT_TIMEOUT_MS = 5000;
/** URLs whose parts are remembered. */
const MAX_TARGETS = 1024;
/** A head and a body up to this go in one write. */
const ONE_WRITE_BYTES = 64 * 1024;
/** What may not stand in a header: it would end the line, or be another character as a byte. */
const LINE_BREAKERS = /[^\t\x20-\x7e\x80-\xff]/;

export interface UpstreamOptions {
  readonly clock: Clock;
  readonly connectTimeoutMs?: number;
  readonly lookup?: Lookup;
  /** PEM, in place of the usual authorities. */
  readonly ca?: string;
}

export interface UpstreamRequest {
  /** Of the engine, without the path. */
  readonly url: string;
  readonly method: "GET" | "POST";
  /** Begins with `/`. */
  readonly path: string;
  /** JSON. */
  readonly body?: string;
  readonly apiKey?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly accept?: string;
  /** The connection may serve another request afterwards (true). */
  readonly keep?: boolean;
}

interface KnownTarget {
  readonly target: UpstreamTarget;
  readonly heads: HeadMemory;
}

/** HTTP/1.1 to engines over own sockets: callbacks straight from the event loop, nothing awaited per piece. Redirects are not followed. */
export class UpstreamClient {
  private readonly idle: IdleLinks;
  private readonly targets = new Map<string, KnownTarget>();

  constructor(private readonly options: UpstreamOptions) {
    this.idle = new IdleLinks(options.clock);
  }

  /** Handlers are called later, never before this returns. Throws `EngineFault` for a request that cannot be sent at all. */
  request(request: UpstreamRequest, handlers: AnswerHandlers): Call {
    const { clock, connectTimeoutMs = CONNECT_TIMEOUT_MS, lookup = systemLookup, ca } = this.options;
    const { target, heads } = this.target(request.url);
    const { method, keep = true } = request;
    const ports = { clock, lookup, timeoutMs: connectTimeoutMs, idle: this.idle, ...(ca !== undefined && { ca }) };
    const call = new Call({ target, heads, method, keep, bytes: bytesOf(request, target) }, ports, handlers);
    call.start();
    return call;
  }

  /** Lets idle connections go; requests under way go on. */
  close(): void {
    this.idle.close();
  }

  private target(url: string): KnownTarget {
    const known = this.targets.get(url);
    if (known) return known;
    if (this.targets.size >= MAX_TARGETS) this.targets.clear();
    const target = { target: targetOf(url), heads: new HeadMemory() };
    this.targets.set(url, target);
    return target;
  }
}

function bytesOf(request: UpstreamRequest, target: UpstreamTarget): Buffer[] {
  const body = request.body === undefined ? undefined : Buffer.from(request.body);
  const head = Buffer.from(headOf(request, target, body?.length), "latin1");
  if (!body) return [head];
  return head.length + body.length <= ONE_WRITE_BYTES ? [Buffer.concat([head, body])] : [head, body];
}

function headOf(request: UpstreamRequest, target: UpstreamTarget, length: number | undefined): string {
  const { method, path, apiKey, traceparent, accept = "application/json", keep = true } = request;
  if (LINE_BREAKERS.test(`${apiKey}${traceparent}${path}`)) {
    throw new EngineFault(
      "connect",
      `the API key for the engine at ${target.label} holds a line break or another character that no header may have; correct the variable it comes from`,
    );
  }
  const lines = [
    `${method} ${target.prefix}${path} HTTP/1.1`,
    `Host: ${target.authority}`,
    "User-Agent: orco",
    `Accept: ${accept}`,
    "Accept-Encoding: identity",
    `Connection: ${keep ? "keep-alive" : "close"}`,
  ];
  if (length !== undefined) lines.push("Content-Type: application/json", `Content-Length: ${length}`);
  if (apiKey !== undefined) lines.push(`Authorization: Bearer ${apiKey}`);
  if (traceparent !== undefined) lines.push(`traceparent: ${traceparent}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}
