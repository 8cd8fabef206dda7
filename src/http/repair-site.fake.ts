import type { ZodType } from "zod";
import { systemClock } from "../kernel/clock.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";
import { FakeRepairs } from "./repair.fake.ts";

export const KEY = "correct-horse-battery-staple";
export const RUNS = "/orchestrator/runs";

interface Asking {
  readonly method?: string;
  /** A text as it is, all else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A real server with a key, and repairs that only remember. */
export class RepairSite {
  readonly server: TestServer = startTestServer(systemClock(), { apiKey: KEY });
  readonly repairs = new FakeRepairs(systemClock());

  constructor() {
    // The routes hold the object that was there when they were made.
    Object.assign(this.server.daemon.repair, this.repairs);
  }

  ask(path: string, { method = "GET", body, headers = {} }: Asking = {}): Promise<Response> {
    const typed = body === undefined ? {} : { "content-type": "application/json" };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return fetch(`${this.server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${KEY}`, ...typed, ...headers },
      ...(body !== undefined && { body: text }),
    });
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.ask(path, { method: "POST", body, headers });
  }
}

/** Of a problem document. */
export async function codeOf(response: Response): Promise<{ status: number; code: unknown }> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") throw new Error(`${response.status} is no problem but ${type}: ${await response.text()}`);
  const { code } = (await response.json()) as { code: unknown };
  return { status: response.status, code };
}

/** The answer; throws where it is not what is documented, field by field. */
export async function documented<T = unknown>(response: Response, schema: ZodType): Promise<T> {
  const answer: unknown = await response.json();
  const parsed: unknown = schema.parse(answer);
  if (!Bun.deepEquals(parsed, answer)) throw new Error(`${JSON.stringify(answer)} has what is not documented: ${JSON.stringify(parsed)}`);
  return answer as T;
}
