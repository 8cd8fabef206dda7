import { expect } from "bun:test";
import type { Json } from "../../src/kernel/event.ts";

const PAUSE_MS = 100;
const POST_TIMEOUT_MS = 10_000;
const PATIENCE_MS = 120_000;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, Json>;
}

/** Asks a daemon that is away now and then, as a careful client does. */
export class PatientClient {
  /** Longest answer to a new run while Redis was away, ms. */
  slowestRefusal = 0;
  refusals = 0;

  constructor(private readonly url: () => string) {}

  /** The id of a new run; the key makes sure that it is made once. */
  async create(body: object, key: string): Promise<string> {
    const request = { method: "POST", headers: { "content-type": "application/json", "idempotency-key": key }, body: JSON.stringify(body) };
    const { status, body: made } = await this.ask("/runs?mode=redis", request, (answer) => {
      if (answer.status === 503) this.refused(answer);
      return answer.status !== 503 && !(answer.status === 409 && answer.headers.has("retry-after"));
    });
    expect([status, made]).toEqual([201, expect.objectContaining({ runId: expect.any(String) })]);
    return made["runId"] as string;
  }

  /** Whether the run was still there to be cancelled. */
  async cancel(id: string, force: boolean): Promise<boolean> {
    const { status, body } = await this.ask(`/runs/${id}${force ? "?force=true" : ""}`, { method: "DELETE" });
    if (status === 409) expect(body).toMatchObject({ code: "conflict", from: expect.stringMatching(/^(completed|failed)$/) });
    else expect([status, body]).toEqual([200, expect.objectContaining({ ok: true, status: "canceled" })]);
    return status === 200;
  }

  /** A new run while Redis is away: what comes back at once, or throws. */
  async refusedCreation(body: object): Promise<Answer> {
    const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const began = performance.now();
    const answer = await this.once("/runs?mode=redis", request);
    if (answer.status === 503) this.slowestRefusal = Math.max(this.slowestRefusal, performance.now() - began);
    return answer;
  }

  private refused({ headers, body }: Answer): void {
    this.refusals += 1;
    expect([body["code"], Number(headers.get("retry-after"))]).toEqual(["unavailable", expect.any(Number)]);
  }

  /** Until it is answered in a way that counts. */
  async ask(path: string, request: RequestInit = {}, counts: (answer: Answer) => boolean = () => true): Promise<Answer> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.once(path, request).catch((error: unknown) => {
        if (performance.now() > deadline) throw error;
        return undefined;
      });
      if (answer && counts(answer)) return answer;
      if (performance.now() > deadline) throw new Error(`${request.method} ${path}: ${JSON.stringify(answer)}`);
      await Bun.sleep(PAUSE_MS);
    }
  }

  private async once(path: string, request: RequestInit): Promise<Answer> {
    const response = await fetch(this.url() + path, { ...request, signal: AbortSignal.timeout(POST_TIMEOUT_MS) });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, Json> };
  }
}
