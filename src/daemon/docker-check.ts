import type { Check } from "../http/services.ts";
import type { Clock } from "../kernel/clock.ts";
import { withoutPassword } from "../kernel/config-values.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Engine } from "../supervise/docker/engine.ts";

/** An answer counts this long: of many who ask at once not each asks docker. */
const FRESH_MS = 1000;
/** Who asks whether the daemon is ready does not wait long. */
const PING_MS = 2000;

interface DockerCheckOptions {
  readonly engine: Pick<Engine, "host" | "ping">;
  readonly clock: Clock;
  /** Somebody relies on docker here; where nobody does, its absence is no reason not to be ready. */
  readonly isWanted: () => boolean;
}

/** Docker, for `/ready`. */
export class DockerCheck {
  private asked: { readonly at: number; readonly answer: Promise<Check> } | undefined;

  constructor(private readonly options: DockerCheckOptions) {}

  /** Empty where docker is not wanted. Never rejects. */
  async checks(): Promise<readonly Check[]> {
    const { isWanted, clock } = this.options;
    if (!isWanted()) return [];
    const now = clock.monotonic();
    if (!this.asked || now - this.asked.at >= FRESH_MS) this.asked = { at: now, answer: this.ask() };
    return [await this.asked.answer];
  }

  private async ask(): Promise<Check> {
    const { engine } = this.options;
    try {
      return { name: "docker", ok: true, detail: `answers; API ${await engine.ping({ timeoutMs: PING_MS })}` };
    } catch (error) {
      return { name: "docker", ok: false, detail: messageOf(error).replaceAll(engine.host, withoutPassword(engine.host)) };
    }
  }
}
