import type { Clock } from "../../kernel/clock.ts";
import { type ContainerInfo, type ContainerState, inspectContainer } from "./containers.ts";
import type { CallOptions, Engine } from "./engine.ts";

const KILLED = 137;
const LOOK_MS = 100;
const LOOKS = 5;

/**
 * How it is once it has ended. That memory ran out comes to docker on another way than the end, and may come later: what was killed and has a limit is
 * looked at again for half a second.
 */
export async function endState(
  engine: Engine,
  info: ContainerInfo,
  { clock, ...call }: CallOptions & { clock: Clock },
): Promise<ContainerState> {
  let state = info.State;
  const mayComeStill = (): boolean => !state.Running && state.ExitCode === KILLED && !state.OOMKilled && (info.HostConfig?.Memory ?? 0) > 0;
  for (let look = 0; look < LOOKS && mayComeStill(); look++) {
    await clock.sleep(LOOK_MS, call.signal);
    state = (await inspectContainer(engine, info.Id, call)).State;
  }
  return state;
}
