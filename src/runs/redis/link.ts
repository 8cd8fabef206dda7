import { RedisClient } from "bun";
import { createBunRedisClient, type IRedisClient } from "bullmq";
import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError, type Facts } from "../../kernel/errors.ts";

/** Of one attempt to connect, with the greeting. */
const CONNECT_MS = 1000;
const RETRY_MS = 1000;
/** Between attempts to connect again; BullMQ's adapter would wait up to 20 s. */
const MAX_RETRY_MS = 4000;
const PING_EVERY_MS = 2000;
/** A Redis that is silent for so long is down, whatever its socket says. */
const SILENCE_MS = 1500;

interface LinkOptions {
  readonly url: string;
  readonly clock: Pick<Clock, "after">;
  /** Each time the connection is there, also again. */
  readonly onUp: (client: IRedisClient) => void;
  /** Once when it goes down and once when it is back. */
  readonly log: (message: string, facts: Facts) => void;
}

/**
 * One connection to Redis that is there or is known not to be: nobody has to ask Redis to learn that it is down. The first connection is made
 * here, because BullMQ 6.7 gives up for ever (and spins) when the very first one fails; after that its adapter connects again by itself.
 */
export class RedisLink {
  private client: IRedisClient | undefined;
  private trouble: string | undefined = "not connected yet";
  private cancel: CancelTimer = () => undefined;
  private closed = false;

  constructor(private readonly options: LinkOptions) {}

  /** Why it is down; undefined while it is up. */
  get down(): string | undefined {
    return this.trouble;
  }

  /** Resolves after the first attempt, whatever its outcome. Never rejects. */
  async start(): Promise<void> {
    let raw: RedisClient | undefined;
    try {
      raw = new RedisClient(this.options.url, {
        connectionTimeout: CONNECT_MS,
        autoReconnect: false,
        enableOfflineQueue: false,
        maxRetries: 0,
      });
      await within(this.options.clock, CONNECT_MS, raw.connect());
    } catch (error) {
      raw?.close();
      this.mark(`no connection to ${placeOf(this.options.url)}, or it refuses user and password (${messageOf(error)})`);
      this.again(RETRY_MS, () => this.start());
      return;
    }
    if (this.closed) raw.close();
    else await this.adopt(Object.assign(createBunRedisClient(raw), { maxReconnectDelay: MAX_RETRY_MS }));
  }

  /** Throws `unavailable` (facts: retry_after_s) while it is down. */
  use(): IRedisClient {
    if (this.client && this.trouble === undefined) return this.client;
    throw new OrcoError("unavailable", `Redis does not answer (${this.trouble ?? "not connected yet"}); runs of mode redis wait for it`, {
      retry_after_s: 5,
      cause: this.trouble,
    });
  }

  /** The command's reply, or a rejection within `SILENCE_MS`. */
  ask<T>(command: Promise<T>): Promise<T> {
    return within(this.options.clock, SILENCE_MS, command);
  }

  close(): void {
    this.closed = true;
    this.cancel();
    this.trouble = "closed";
    const { client } = this;
    if (!client) return;
    client.disconnect();
    // Where it had closed by itself, `disconnect` leaves a reconnection under way; this ends that.
    client.status = "end";
  }

  private async adopt(client: IRedisClient): Promise<void> {
    this.client = client;
    client.on("ready", () => void this.ping());
    client.on("close", () => this.mark("the connection was closed"));
    client.on("error", (error: unknown) => this.mark(messageOf(error)));
    await this.ping();
  }

  private async ping(): Promise<void> {
    const { client } = this;
    this.cancel();
    if (!client || this.closed) return;
    let silent = false;
    const reply = await this.ask(client.llen("orco:ping")).catch((error: unknown) => {
      silent = error instanceof Silence;
      return messageOf(error);
    });
    if (this.closed) return;
    this.again(PING_EVERY_MS, () => this.ping());
    // A command whose connection is lost may resolve with null: only a number is an answer.
    if (typeof reply === "number") this.up(client);
    else this.mark(reply ?? "the connection was closed");
    if (silent) client.disconnect(true);
  }

  private up(client: IRedisClient): void {
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.options.log("Redis answers", {});
    this.options.onUp(client);
  }

  private mark(trouble: string): void {
    if (this.closed) return;
    const known = this.trouble !== undefined && this.trouble !== "not connected yet";
    this.trouble = trouble;
    if (!known) this.options.log("Redis does not answer; runs of mode redis wait for it", { cause: trouble });
  }

  private again(ms: number, fn: () => Promise<void>): void {
    this.cancel();
    if (!this.closed) this.cancel = this.options.clock.after(ms, () => void fn());
  }
}

class Silence extends Error {}

/** Without user and password. Bun says of every connection that fails only that it was closed. */
function placeOf(url: string): string {
  return URL.parse(url)?.host || "the Redis of its URL";
}

function within<T>(clock: Pick<Clock, "after">, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new Silence(`no answer within ${ms} ms`)));
    void work.then(resolve, reject).finally(cancel);
  });
}
