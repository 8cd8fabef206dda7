import { OrcoError } from "../../../kernel/errors.ts";
import { type ContainerRow, listContainers, removeContainer } from "../../docker/containers.ts";
import type { Engine } from "../../docker/engine.ts";
import { OURS } from "../../docker/ownership.ts";
import type { Link } from "./link.ts";

export interface RemovalOptions {
  readonly engine: Engine;
  readonly link: Link;
  readonly homeId: string;
  readonly onError: (error: unknown) => void;
  readonly closing: AbortSignal;
}

/** How long it is waited for before it goes on by itself. */
const CALL_MS = 30_000;

/** Takes our containers away: now, or when docker is back. */
export class Removal {
  constructor(private readonly options: RemovalOptions) {}

  /** Whatever docker has of an instance. While docker is away it resolves at once and happens later; after the daemon's end, `strays` finds it. */
  async instance(instance: string): Promise<void> {
    return this.soon(async () => {
      for (const { Id } of await this.rows({ [OURS.instance]: instance }))
        await removeContainer(this.options.engine, Id, { timeoutMs: CALL_MS });
    });
  }

  container(id: string): Promise<void> {
    return this.soon(() => removeContainer(this.options.engine, id, { timeoutMs: CALL_MS }));
  }

  rows(labels: Readonly<Record<string, string | undefined>>, options: { timeoutMs?: number } = {}): Promise<ContainerRow[]> {
    return listContainers(this.options.engine, { ...labels, [OURS.home]: this.options.homeId }, { timeoutMs: CALL_MS, ...options });
  }

  /** Now, or when docker is back. */
  async soon(remove: () => Promise<void>): Promise<void> {
    const { link, closing, onError } = this.options;
    try {
      await link.with(remove);
    } catch (error) {
      if (!(error instanceof OrcoError) || error.code !== "engine_away") throw error;
      void link.insist(remove, closing).catch((later: unknown) => {
        if (!closing.aborted) onError(later);
      });
    }
  }
}
