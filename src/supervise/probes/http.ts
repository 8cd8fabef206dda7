import { STATUS_CODES } from "node:http";
import { linearPattern, type Pattern } from "../../kernel/pattern.ts";
import { VERSION } from "../../kernel/version.ts";
import type { HttpProbe } from "../health.ts";
import { exchange, type HttpAnswer } from "./http-exchange.ts";
import { type Finding, type Probe, type ProbePorts, type Target, timed } from "./probe.ts";

/** Of an average of latencies, this many answers count. */
const RECENT = 10;

/** Requests `url` once; follows no redirect. An answer as expected is told with the average latency of the last ten such, `200 OK /health (avg 25ms)`. Details name the path, never query or user: those may be secret. */
export function httpProbe(spec: HttpProbe, ports: ProbePorts): Probe {
  const url = new URL(spec.url);
  const target: Target = {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (url.protocol === "https:" ? 443 : 80)),
    secure: url.protocol === "https:",
  };
  const request = requestOf(spec, url);
  const pattern = spec.bodyPattern === undefined ? undefined : linearPattern(spec.bodyPattern);
  const what = `http ${spec.method} ${url.origin}${url.pathname}`;
  const recentMs: number[] = [];
  return async (signal) => {
    const found = await timed(what, { ...ports, signal }, async (limit) => {
      const answer = await exchange({ target, request, wantsBody: pattern !== undefined, signal: limit });
      return judge(answer, { spec, path: url.pathname, pattern });
    });
    if (found.detail.startsWith(what)) return found;
    const took = found.ok ? `avg ${averageWith(recentMs, found.latencyMs)}` : String(Math.round(found.latencyMs));
    return { ...found, detail: `${found.detail} (${took}ms)` };
  };
}

/** Adds to `recentMs`. */
function averageWith(recentMs: number[], latencyMs: number): number {
  recentMs.push(latencyMs);
  if (recentMs.length > RECENT) recentMs.shift();
  return Math.round(recentMs.reduce((sum, one) => sum + one, 0) / recentMs.length);
}

function judge(
  { status, reason, body }: HttpAnswer,
  { spec, path, pattern }: { spec: HttpProbe; path: string; pattern: Pattern | undefined },
): Finding {
  const line = `${status} ${reason || (STATUS_CODES[status] ?? "")} ${path}`.replace("  ", " ");
  if (!spec.expectStatus.some(({ from, to }) => status >= from && status <= to)) return { ok: false, detail: line };
  if (pattern && !pattern.matcher(body).find()) return { ok: false, detail: `${line} without "${spec.bodyPattern}"` };
  return { ok: true, detail: line };
}

function requestOf({ method, headers }: HttpProbe, url: URL): Buffer {
  const fields: Record<string, string> = { host: url.host, "user-agent": `orco/${VERSION}`, accept: "*/*" };
  if (url.username) fields["authorization"] = `Basic ${btoa(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`;
  for (const [name, value] of Object.entries(headers)) fields[name.toLowerCase()] = value;
  fields["connection"] = "close";
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value.replace(/[\r\n]+/g, " ")}`);
  return Buffer.from(`${method} ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
}
