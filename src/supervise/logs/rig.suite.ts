import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import type { OrcoError } from "../../kernel/errors.ts";
import type { Attachment } from "./attachment.ts";
import type { LoggingSpec, LogQuery, LogRecord } from "./record.ts";
import type { ServiceLog } from "./service-log.ts";
import { LogStore } from "./store.ts";

const ROOMY: LoggingSpec = { maxFileSizeBytes: 16 * 1024 * 1024, maxFiles: 4, format: "auto" };

/** A log store over a directory of its own, with a clock that moves only when told to. */
export class Rig {
  readonly clock = new FakeClock();
  readonly errors: OrcoError[] = [];
  readonly dir: string;
  store: LogStore;

  constructor(dir = mkdtempSync(join(tmpdir(), "orco-logs-"))) {
    this.dir = dir;
    this.store = this.open();
  }

  [Symbol.dispose](): void {
    this.store.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** As a new daemon would find it. */
  reopen(): void {
    this.store.close();
    this.store = this.open();
  }

  service(service: string, logging: Partial<LoggingSpec> = {}, secrets: readonly string[] = []): ServiceLog {
    return this.store.service({ stack: "demo", service, logging: { ...ROOMY, ...logging }, secrets });
  }

  spool(instance: string, source: "stdout" | "stderr" = "stdout"): string {
    mkdirSync(join(this.dir, "instances", instance), { recursive: true });
    return join(this.dir, "instances", instance, `${source}.spool`);
  }

  write(instance: string, text: string | Uint8Array, source: "stdout" | "stderr" = "stdout"): void {
    appendFileSync(this.spool(instance, source), text);
  }

  attach(log: ServiceLog, instance: string, replica = 0): Attachment {
    const spools = { stdout: this.spool(instance), stderr: this.spool(instance, "stderr") };
    return log.attach({ instance, replica, spools });
  }

  /** Lets the store notice what was written. */
  async look(): Promise<void> {
    await this.clock.advance(1100);
  }

  async finish(attachment: Attachment): Promise<void> {
    const done = attachment.finish();
    await this.look();
    await done;
  }

  /** Writes `text` as the whole output of one instance and reads it. */
  async run(log: ServiceLog, instance: string, text: string | Uint8Array, replica = 0): Promise<void> {
    this.write(instance, text);
    await this.finish(this.attach(log, instance, replica));
  }

  async read(query: LogQuery = {}, services?: readonly string[]): Promise<LogRecord[]> {
    const { signal } = new AbortController();
    return Array.fromAsync(this.store.query({ stack: "demo", ...(services && { services }), query, signal }));
  }

  async messages(query: LogQuery = {}, services?: readonly string[]): Promise<string[]> {
    return (await this.read(query, services)).map((record) => record.message);
  }

  private open(): LogStore {
    return new LogStore({ root: join(this.dir, "logs"), clock: this.clock, onError: (error) => this.errors.push(error) });
  }
}
