/** What goes wrong with the next requests that contain `match`. */
export interface Fault {
  readonly match: string;
  readonly status?: number;
  readonly retry_after?: number;
  /** Takes the request and never answers. */
  readonly hang?: boolean;
  readonly slow_ms?: number;
  /** How many requests; 1 unless given. */
  times?: number;
}

export class Faults {
  private readonly waiting: Fault[] = [];

  add(fault: Fault): void {
    this.waiting.push({ times: 1, ...fault });
  }

  clear(): void {
    this.waiting.length = 0;
  }

  /** Undefined: answer as usual. */
  async strike(asked: string): Promise<Response | undefined> {
    const fault = this.waiting.find(({ match, times = 0 }) => times > 0 && asked.includes(match));
    if (!fault) return undefined;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.hang) return new Promise(() => {});
    if (fault.slow_ms !== undefined) await Bun.sleep(fault.slow_ms);
    if (fault.status === undefined) return undefined;
    const headers = fault.retry_after === undefined ? {} : { "retry-after": String(fault.retry_after) };
    return status(fault.status, "Injected", "a fault was asked for", headers);
  }
}

export function status(code: number, reason: string, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message }, { status: code, headers });
}
