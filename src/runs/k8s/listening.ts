import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import type { StepExecution, StepOutput } from "../ports.ts";
import type { Cluster } from "./cluster.ts";
import { LogLines } from "./log-lines.ts";
import { LogReader } from "./log-reader.ts";

interface Pod {
  readonly pod: string;
  readonly whole: boolean;
  readonly createdAt: number;
}

/** The log of an execution's pod, once there is one. */
export class Listening {
  /** With what a checkpoint or an output was refused for good. */
  refused: OrcoError | undefined;
  private lines: LogLines | undefined;
  private reader: LogReader | undefined;
  private unread: Promise<string | undefined> | undefined;
  private readonly controller = new AbortController();

  constructor(
    private readonly cluster: Cluster,
    private readonly what: { readonly execution: StepExecution; readonly output: StepOutput },
    private readonly onRefusal: () => void,
  ) {}

  get lastLine(): string | undefined {
    return this.lines?.lastLine;
  }

  /** Again and again, as often as the pod is looked at. */
  to(pod: Pod): void {
    this.reader ??= this.open(pod);
    if (pod.whole) this.reader.end();
  }

  /** Resolves when all of the log was taken, with why the rest could not be read. */
  async end(): Promise<string | undefined> {
    this.reader?.end();
    return this.unread;
  }

  detach(): void {
    this.controller.abort(new OrcoError("cancelled", "the daemon ends"));
  }

  private open({ pod, createdAt }: Pod): LogReader {
    const { client, clock, logSlots: slots } = this.cluster;
    const { execution, output } = this.what;
    const { signal } = this.controller;
    const { api, consumed } = execution;
    this.lines = new LogLines(output, { clock, signal, createdAt, ...(api && { redactor: new Redactor([api.token]) }) }, consumed);
    const { namespace } = this.cluster.options;
    const reader = new LogReader({ client, clock, slots, namespace, pod, createdAt }, this.lines, signal);
    this.unread = reader.done.catch((error: unknown) => this.refuse(error));
    return reader;
  }

  private refuse(error: unknown): undefined {
    this.refused = error instanceof OrcoError ? error : new OrcoError("internal", messageOf(error), {}, { cause: error });
    this.controller.abort(this.refused);
    this.onRefusal();
  }
}
