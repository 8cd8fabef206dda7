const CONNECTIONS = 4;
const PAUSE_MS = 4;

export interface Answer {
  /** First word of the body, or why there is none. */
  readonly said: string;
  /** Both of performance.now(). */
  readonly askedAt: number;
  readonly at: number;
}

/** Asks one address over and over, each time on a connection of its own, and keeps what it was told, in order of the answers. */
export class Asking {
  readonly answers: Answer[] = [];
  private stopped = false;
  private readonly clients: Promise<void>[];

  constructor(private readonly url: string) {
    this.clients = Array.from({ length: CONNECTIONS }, () => this.client());
  }

  async stop(): Promise<readonly Answer[]> {
    this.stopped = true;
    await Promise.all(this.clients);
    return this.answers;
  }

  private async client(): Promise<void> {
    while (!this.stopped) {
      const askedAt = performance.now();
      const said = await this.ask();
      this.answers.push({ said, askedAt, at: performance.now() });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  private async ask(): Promise<string> {
    try {
      const response = await fetch(this.url, { keepalive: false, signal: AbortSignal.timeout(10_000) });
      const body = await response.text();
      return response.status === 200 ? (body.split(/\s/)[0] ?? "") : `${response.status} ${body}`;
    } catch (error) {
      return String(error);
    }
  }
}
