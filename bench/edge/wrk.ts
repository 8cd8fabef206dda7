import { execute } from "../peers/execute.ts";
import { aptInstall, located, whereIs } from "./apt.ts";

/** What wrk is asked for. One thread always. */
export interface Asked {
  readonly port: number;
  readonly path?: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: readonly string[];
  /** A Lua script (wrk's SCRIPTING). */
  readonly script?: string;
}

export interface Heard {
  readonly requests: number;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were no 2xx or 3xx, and connections that failed. */
  readonly failed: number;
}

export async function needWrk(): Promise<void> {
  if (whereIs("wrk") === undefined) await aptInstall("wrk");
}

export async function wrk({ port, path = "/", connections, seconds, headers = [], script }: Asked): Promise<Heard> {
  const said = await execute(
    [
      located("wrk"),
      "-t1",
      `-c${connections}`,
      `-d${seconds}s`,
      "--latency",
      "--timeout=10s",
      ...(script === undefined ? [] : ["-s", script]),
      ...headers.flatMap((header) => ["-H", header]),
      `http://127.0.0.1:${port}${path}`,
    ],
    { timeoutMs: (seconds + 15) * 1000 },
  );
  return heardIn(said);
}

function heardIn(said: string): Heard {
  const find = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? "";
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1) ?? [];
  const requests = Number(find(/(\d+) requests in/));
  if (requests === 0) throw new Error(`nothing was answered: ${said.trim()}`);
  return {
    requests,
    perSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)),
    bytesPerSecond: sized(find(/Transfer\/sec:\s+(\S+)/)),
    p50Ms: timed(find(/50%\s+(\S+)/)),
    p99Ms: timed(find(/99%\s+(\S+)/)),
    failed: [Number(find(/Non-2xx or 3xx responses: (\d+)/)), ...socket.map(Number)].reduce((sum, each) => sum + each, 0),
  };
}

const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

function timed(text: string): number {
  return scaled(text, MS);
}

function sized(text: string): number {
  return scaled(text, BYTES);
}

function scaled(text: string, units: Readonly<Record<string, number>>): number {
  const [, value = "", unit = ""] = /^([\d.]+)([A-Za-z]+)$/.exec(text) ?? [];
  return Number(value || Number.NaN) * (units[unit] ?? Number.NaN);
}
