import type { Clock } from "../kernel/clock.ts";
import { loadConfig } from "../kernel/config.ts";
import { uuidv7 } from "../kernel/id.ts";
import { Slots } from "../runs/slots.ts";
import { Driver } from "../runs/driver.ts";
import { ContainerSteps } from "../runs/local/container-step.ts";
import { startHttp } from "../runs/local/http-step.ts";
import type { StepExecution, StepRunner } from "../runs/ports.ts";
import { LocalRunner } from "../runs/local/runner.ts";
import { ownTraceparent, stepTraceparent } from "../runs/trace-context.ts";
import { Engine } from "../supervise/docker/engine.ts";
import { removeLeftovers } from "./leftovers.ts";
import type { Drive } from "./one-run.ts";

interface StepsOptions {
  /** Of this worker. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** Executes the steps of a worker: the same driver and the same runner as in the daemon for mode local, with the same settings. Throws `config`. */
export function stepsOf({ home, env, clock, onError }: StepsOptions) {
  const { dockerHost, maxSteps, otlpEndpoint } = loadConfig({ env }).config;
  const containers = new ContainerSteps({ engine: new Engine(dockerHost), clock, home });
  const runner = new LocalRunner({ home, clock, env, containers, startHttp });
  const slots = new Slots(maxSteps);
  const traces = otlpEndpoint !== undefined ? ownTraceparent : stepTraceparent;
  const drive: Drive = async ({ ledger, runner: attempt, api }) => {
    const { run } = ledger.snapshot();
    const traced = (execution: StepExecution): StepExecution => {
      const traceparent = traces(run, execution.step, execution.attempt);
      return traceparent === undefined ? execution : { ...execution, traceparent };
    };
    const fenced: StepRunner = {
      start: (execution, output) => attempt.start(traced(execution), output),
      adopt: (execution, output) => attempt.adopt(execution, output),
      forget: (id) => attempt.forget(id),
    };
    return (await new Driver({ ledger, runner: fenced, clock, newId: () => uuidv7(clock), api, slots, onError }).run()) === "ended";
  };
  return {
    runner,
    drive,
    /** Ends what a former worker of this home left: its attempts are over. Resolves with how many processes ran. */
    async sweep(): Promise<number> {
      // Without docker there are no containers.
      await containers.sweep(() => false).catch(() => undefined);
      return removeLeftovers(home, clock);
    },
    close(): void {
      runner.close();
      containers.close();
    },
  };
}
