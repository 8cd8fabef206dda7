import type { Adapter, Endpoint, EngineHealth, EngineProps } from "../adapters/adapter.ts";
import { EngineFault } from "../adapters/adapter.ts";
import type { PoolLoad, PoolWork } from "./pool.ts";

/** What one engine says; absent from the book: nobody listens there. */
export interface Says {
  health?: Partial<EngineHealth>;
  props?: Partial<EngineProps>;
}

/** Engines that answer at once with what the test has written down, by URL; a URL in `silent` never answers. */
export class BookEngines implements Adapter {
  readonly engine = "mock";
  readonly says = new Map<string, Says>();
  readonly silent = new Set<string>();
  readonly asked: string[] = [];
  atOnce = 0;
  mostAtOnce = 0;

  async health(endpoint: Endpoint, signal: AbortSignal): Promise<EngineHealth> {
    this.asked.push(endpoint.url);
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      if (this.silent.has(endpoint.url)) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      await Promise.resolve();
      const said = this.says.get(endpoint.url);
      return said ? { live: true, ready: true, ...said.health } : { live: false, ready: false, detail: "connection refused" };
    } finally {
      this.atOnce -= 1;
    }
  }

  async props({ url }: Endpoint): Promise<EngineProps> {
    const props = this.says.get(url)?.props;
    if (!props) throw new EngineFault("http", "no such path");
    return { models: [], ...props };
  }

  stream(): never {
    throw new Error("no tasks in this test");
  }
}

/** A desk that only remembers what it was told. */
export class IdleWork implements PoolWork {
  readonly told: string[] = [];
  readonly inFlight = new Map<string, Map<string, number>>();

  changed(id: string): void {
    this.told.push(`changed ${id}`);
  }

  expire(id: string): void {
    this.told.push(`expire ${id}`);
  }

  purge(id: string): number {
    this.told.push(`purge ${id}`);
    return 0;
  }

  load(id: string): PoolLoad {
    return { queueDepth: 0, inFlight: this.inFlight.get(id) ?? new Map() };
  }
}
