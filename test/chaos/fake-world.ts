import type { FakeClock } from "../../src/kernel/clock.ts";
import type { Slot } from "../../src/supervise/instance.ts";
import type { Attachment } from "../../src/supervise/logs/attachment.ts";
import type { RestartPolicy } from "../../src/supervise/restart.ts";
import type { Exit, Handle, Runtime } from "../../src/supervise/runtime.ts";
import type { Gate, SupervisorPorts } from "../../src/supervise/supervised.ts";

/** What a supervisor needs, without processes: instances run until `crash`, and all time is that of the clock. */
export class FakeWorld {
  /** Monotonic times of the starts. */
  readonly starts: number[] = [];
  /** The slot as it was last recorded: what the next daemon would find. */
  stored: Slot | undefined;
  gate: Gate = { open: true };
  private end: ((exit: Exit) => void) | undefined;

  constructor(
    readonly clock: FakeClock,
    private readonly policy: RestartPolicy,
  ) {}

  /** The running instance ends with code 1. */
  async crash(): Promise<void> {
    this.end?.({ code: 1, reason: "exited", at: this.clock.now() });
    await this.clock.advance(0);
  }

  get ports(): SupervisorPorts {
    let ids = 0;
    return {
      clock: this.clock,
      runtime: this.runtime(),
      newId: () => `instance-${++ids}`,
      policy: () => this.policy,
      gate: () => this.gate,
      prepare: async (slot, instance) => ({
        launch: { instance, stack: slot.stack, service: slot.service, replica: slot.replica, argv: ["x"], cwd: "/", env: {} },
        hooks: {},
        stop: { signal: "SIGTERM", timeoutMs: 1000 },
        ports: {},
        clean: (text) => text,
      }),
      attach: () => quietAttachment(),
      note: () => undefined,
      record: async (slot) => void (this.stored = slot),
      history: async function* () {
        yield* [];
      },
    };
  }

  private runtime(): Runtime {
    return {
      name: "process",
      start: async ({ instance }) => this.handle(instance),
      adopt: async () => ({ kind: "gone" }),
      command: () => Promise.resolve({ ended: "exited", code: 0, output: "", whole: true }),
      purge: async () => undefined,
      forget: async () => undefined,
      limitWarnings: () => [],
    };
  }

  private handle(instance: string): Handle {
    this.starts.push(this.clock.monotonic());
    const ended = Promise.withResolvers<Exit>();
    this.end = ended.resolve;
    return {
      instance,
      identity: { bootId: "b", pid: 1, startTime: 1 },
      pid: 1,
      spools: { stdout: "", stderr: "" },
      startedAt: this.clock.now(),
      exited: ended.promise,
      stop: () => Promise.resolve({ reason: "signaled", signal: "SIGTERM", at: this.clock.now() }),
      usage: () => undefined,
    };
  }
}

function quietAttachment(): Attachment {
  const attachment = {
    onRecord: () => () => undefined,
    urgent: () => undefined,
    last: () => [],
    finish: async () => true,
    close: () => undefined,
  };
  return attachment as unknown as Attachment;
}
