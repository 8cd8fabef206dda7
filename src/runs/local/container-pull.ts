import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { pullImage } from "../../supervise/docker/images.ts";
import { watchPull } from "../../supervise/docker/pull-progress.ts";
import type { StepOutput } from "../ports.ts";

const PULL_TIMEOUT_MS = 3_600_000;

/** Pulls an image that is missing, and says how far it is. */
export async function pullFor(
  image: string,
  output: Pick<StepOutput, "log" | "progress">,
  { engine, clock, signal }: { engine: Engine; clock: Clock; signal: AbortSignal },
): Promise<void> {
  const began = clock.monotonic();
  const say = (message: string): void => output.log({ at: clock.now(), source: "orco", level: "info", message });
  say(`${image} is not on this machine: pulling it`);
  const onProgress = watchPull(clock, (percent) => output.progress({ percent, message: `pulling ${image}` }));
  await pullImage(engine, image, { onProgress, signal, timeoutMs: PULL_TIMEOUT_MS });
  say(`pulled ${image} in ${formatSpan(clock.monotonic() - began)}`);
}
