import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EventView } from "../../src/client/wire.ts";
import type { ServiceView, StackView } from "../../src/stack/view.ts";
import type { LogRecord } from "../../src/supervise/logs/record.ts";
import type { Rig, Said, Started } from "./rig.ts";

const WAIT_MS = 30_000;

type Found<T> = Exclude<T, false | null | undefined>;

interface Given {
  readonly rig: Rig;
  readonly name: string;
  readonly dir: string;
  readonly body: string;
}

/** A stack file in a folder of its own, the commands on it, and waiting for what becomes of it. */
export class StackUnderTest {
  readonly name: string;
  readonly dir: string;
  private readonly rig: Rig;

  constructor({ rig, name, dir, body }: Given) {
    this.rig = rig;
    this.name = name;
    this.dir = dir;
    this.edit(body);
  }

  /** Rewrites the stack file. */
  edit(body: string): void {
    this.write("stack.yaml", `version: 0.1\nstack: { name: ${this.name} }\n${unindent(body)}\n`);
  }

  /** Returns the absolute path. */
  write(name: string, text: string, mode?: number): string {
    const path = join(this.dir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { ...(mode !== undefined && { mode }) });
    return path;
  }

  orco(...args: string[]): Promise<Said> {
    return this.rig.orco(args, { cwd: this.dir });
  }

  start(...args: string[]): Started {
    return this.rig.start(args, { cwd: this.dir });
  }

  /** The command, which must succeed; its standard output. */
  async ok(...args: string[]): Promise<string> {
    const said = await this.orco(...args);
    if (said.code !== 0) throw new Error(`orco ${args.join(" ")} exited ${said.code}\n${said.out}${said.err}`);
    return said.out;
  }

  /** `up -d --wait`, which must succeed. */
  up(...services: string[]): Promise<string> {
    return this.ok("up", "-d", "--wait", ...services);
  }

  view(): Promise<StackView> {
    return this.rig.client.stack(this.name);
  }

  async service(name: string): Promise<ServiceView> {
    return serviceIn(await this.view(), name);
  }

  async pid(service: string, replica = 0): Promise<number> {
    const pid = (await this.service(service)).instances.find((one) => one.replica === replica)?.pid;
    if (pid === undefined) throw new Error(`${service}/${replica} has no pid`);
    return pid;
  }

  /** Pids by service and replica. */
  async pids(): Promise<Record<string, number | undefined>> {
    const { services } = await this.view();
    return Object.fromEntries(
      services.flatMap(({ service, instances }) => instances.map(({ replica, pid }) => [`${service}/${replica}`, pid])),
    );
  }

  /** The first view, now or after a coming event, for which `wanted` gives something. */
  async when<T>(what: string, wanted: (view: StackView) => T): Promise<Found<T>> {
    const over = new AbortController();
    const late = setTimeout(() => over.abort(), WAIT_MS);
    let last: StackView | undefined;
    try {
      for await (const _ of this.bells(over.signal)) {
        last = await this.view().catch(() => undefined);
        const found = last && wanted(last);
        if (found) return found as Found<T>;
      }
    } finally {
      clearTimeout(late);
      over.abort();
    }
    throw new Error(`waited ${WAIT_MS} ms in vain for: ${what}\n${last ? linesOf(last) : "no view"}`);
  }

  /** Once at the start, then after every event of the stack. */
  private async *bells(signal: AbortSignal): AsyncGenerator<void> {
    const events = this.rig.client.events({ topic: `stack/${this.name}`, signal });
    yield;
    for await (const _ of events) yield;
  }

  whenService<T>(name: string, what: string, wanted: (service: ServiceView) => T): Promise<Found<T>> {
    return this.when(`${name} ${what}`, (view) => wanted(serviceIn(view, name)));
  }

  /** Waits until the journal holds an event, from the beginning of the stack on. */
  async event(what: string, wanted: (event: EventView) => boolean): Promise<EventView> {
    const signal = AbortSignal.timeout(WAIT_MS);
    for await (const event of this.rig.client.events({ topic: `stack/${this.name}`, signal })) if (wanted(event)) return event;
    throw new Error(`waited ${WAIT_MS} ms in vain for the event: ${what}`);
  }

  /** All events so far, oldest first. */
  async history(): Promise<EventView[]> {
    const found: EventView[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await this.rig.client.recentEvents({ topic: `stack/${this.name}`, limit: 500, ...(cursor !== undefined && { cursor }) });
      found.push(...page.events);
      cursor = page.next_cursor;
      if (cursor === undefined) return found.toReversed();
    }
  }

  /** `service/replica type` of each transition, in order. */
  async transitions(...services: string[]): Promise<string[]> {
    return (await this.history())
      .filter(({ service }) => service !== undefined && (services.length === 0 || services.includes(service)))
      .map((event) => `${event.service} ${event.type.replace("instance.", "")}`);
  }

  /** Lines the service itself has written. */
  async lines(service: string): Promise<string[]> {
    return (await this.records("logs", service)).filter(({ source }) => source !== "orco").map(({ message }) => message);
  }

  async records(...args: string[]): Promise<LogRecord[]> {
    return jsonLines<LogRecord>(await this.ok(...args, "--json"));
  }

  /** The first log record, stored or coming, for which `wanted` holds. */
  async line(wanted: (record: LogRecord) => boolean): Promise<LogRecord> {
    const signal = AbortSignal.timeout(WAIT_MS);
    for await (const record of this.rig.client.logs(this.name, { query: { follow: true }, signal })) if (wanted(record)) return record;
    throw new Error(`waited ${WAIT_MS} ms in vain for a log line of ${this.name}`);
  }
}

function serviceIn(view: StackView, name: string): ServiceView {
  const found = view.services.find(({ service }) => service === name);
  if (!found) throw new Error(`no service ${name} in ${view.services.map(({ service }) => service).join(", ")}`);
  return found;
}

/** A line an instance, for failures. */
function linesOf({ services }: StackView): string {
  const line = (service: ServiceView, one: ServiceView["instances"][number]): string =>
    `  ${service.service}/${one.replica} ${one.state} ready=${one.ready} ${one.version} pid=${one.pid ?? "-"} ${one.reason}: ${service.message}`;
  return services
    .flatMap((service) =>
      service.instances.length > 0 ? service.instances.map((one) => line(service, one)) : [`  ${service.service}: none`],
    )
    .join("\n");
}

export function jsonLines<T>(text: string): T[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

/** Template strings in tests are indented like the code around them. */
function unindent(text: string): string {
  const lines = text.replace(/^\n/, "").split("\n");
  const depth = Math.min(...lines.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(depth)).join("\n");
}
