import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { socketPath } from "../kernel/home.ts";
import type { StackView } from "../stack/view.ts";
import type { RunView } from "../workflow/view.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");

type Answer = (request: Request) => Response | Promise<Response>;

/** What a test looks at after a command. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A home with a real HTTP server on its socket that answers what a test says, and the real command line run against it. */
export class FakeDaemon {
  readonly home = mkdtempSync(join(tmpdir(), "orco-cli-"));
  readonly asked: Asked[] = [];
  private readonly server: Bun.Server<undefined>;

  /** `answers`: `"GET /stacks/demo"` → what to say. */
  constructor(answers: Readonly<Record<string, Answer>>) {
    this.server = Bun.serve({
      unix: socketPath(this.home),
      fetch: async (request) => {
        const url = new URL(request.url);
        const text = await request.clone().text();
        const key = `${request.method} ${url.pathname}`;
        this.asked.push({
          method: request.method,
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          body: text === "" ? undefined : JSON.parse(text),
        });
        const answer = answers[key] ?? DEFAULTS[key];
        return answer ? answer(request) : problem(404, { code: "not_found", detail: `there is no ${url.pathname}` });
      },
    });
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
    rmSync(this.home, { recursive: true, force: true });
  }

  run(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ran> {
    return runMain(args, { cwd: this.home, ...options, env: { ORCO_HOME: this.home, ...options.env } });
  }
}

/** `orco <args>` from source, as a process of its own. */
export async function runMain(args: readonly string[], options: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ran> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: options.cwd ?? tmpdir(),
    env: { PATH: process.env["PATH"], TZ: "UTC", ...options.env },
  });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, out, err };
}

const DEFAULTS: Readonly<Record<string, Answer>> = {
  "GET /health": () => Response.json({ ok: true, service: "orco", version: "0" }),
};

export function problem(status: number, body: Readonly<Record<string, unknown>>): Response {
  return Response.json({ status, title: "problem", ...body }, { status, headers: { "content-type": "application/problem+json" } });
}

/** A finished event stream of these events. */
export function sse(events: readonly Readonly<Record<string, unknown>>[]): Response {
  const blocks = events.map(
    (event, at) => `event: ${String(event["type"])}\nid: 1700000000000-${at + 1}\ndata: ${JSON.stringify(event)}\n\n`,
  );
  return new Response([...blocks, 'event: end\ndata: {"status":"completed"}\n\n'].join(""), {
    headers: { "content-type": "text/event-stream" },
  });
}

export function runView(given: Partial<RunView> = {}): RunView {
  return {
    id: "r1",
    kind: "apply",
    mode: "local",
    name: "apply demo",
    status: "completed",
    owner: "orco",
    metadata: {},
    stack: "demo",
    createdAt: "2026-01-01T00:00:00.000Z",
    attempt: 1,
    steps: [],
    ...given,
  };
}

export function stackView(given: Partial<StackView["services"][number]> = {}): StackView {
  const service = {
    service: "db",
    state: "Running",
    ready: true,
    replicas: { ready: 1, live: 1, desired: 1 },
    restarts: 0,
    age_ms: 72_000,
    message: "listening on 5432",
    instances: [],
  } as const;
  return { stack: "demo", services: [{ ...service, ...given }] };
}
