/** Requests to one address, one after the other in each of a few connections, until stopped. Every answer but 200 counts as failed. */
export class Traffic {
  sent = 0;
  readonly failures: string[] = [];
  private stopped = false;
  private readonly clients: Promise<void>[];

  constructor(
    private readonly url: string,
    { connections, pauseMs }: { connections: number; pauseMs: number },
  ) {
    this.clients = Array.from({ length: connections }, () => this.client(pauseMs));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  private async client(pauseMs: number): Promise<void> {
    while (!this.stopped) {
      await this.request();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  private async request(): Promise<void> {
    this.sent += 1;
    try {
      const response = await fetch(this.url, { signal: AbortSignal.timeout(5000) });
      await response.text();
      if (response.status !== 200) this.failures.push(`status ${response.status}`);
    } catch (error) {
      this.failures.push(String(error));
    }
  }
}
