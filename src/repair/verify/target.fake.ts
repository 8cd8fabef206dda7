import type { ContainerState } from "../finding.ts";
import type { Target } from "../target.ts";

export const RUNNING: ContainerState = {
  status: "running",
  exitCode: 0,
  oomKilled: false,
  error: "",
  restartCount: 0,
  startedAt: "2026-01-01T00:00:00Z",
  finishedAt: "0001-01-01T00:00:00Z",
};

/** A container that goes through states, one a look, and stays in the last. */
export class FakeTarget implements Pick<Target, "state" | "logs"> {
  looks = 0;
  readonly lines: string[] = [];
  private readonly states: (ContainerState | undefined | Error)[];

  constructor(...states: (Partial<ContainerState> | undefined | Error)[]) {
    this.states = states.map((state) => (state === undefined || state instanceof Error ? state : { ...RUNNING, ...state }));
  }

  become(state: Partial<ContainerState>): void {
    this.states.splice(0, this.states.length, { ...RUNNING, ...state });
  }

  state = (signal: AbortSignal): Promise<ContainerState | undefined> => {
    signal.throwIfAborted();
    this.looks++;
    const state = this.states.length > 1 ? this.states.shift() : this.states[0];
    return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
  };

  logs = (): Promise<readonly string[]> => Promise.resolve(this.lines);
}
