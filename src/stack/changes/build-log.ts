import { OrcoError } from "../../kernel/errors.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";

/** How much of a failed build is shown (stack.md, Docker), and what says at its end that it failed. */
const SHOWN_LINES = 30 + 1;
const FAILED_BUILD = /^the build of .* failed/;

/** A `blocked` with the last lines of the build that it comes from (facts: log); anything else as it is. */
export async function withBuildLog(host: StackHost, stack: Stack, error: unknown): Promise<unknown> {
  if (!(error instanceof OrcoError) || error.code !== "blocked") return error;
  const slots = [...stack.decided().values()].flatMap((service) => service.slots);
  const slot = slots.find(({ state, message = "" }) => state === "Failed" && FAILED_BUILD.test(message));
  if (!slot) return error;
  const { service, replica, createdAt: sinceMs, message } = slot;
  const records = await host.tail({ stack: stack.name, service, replica, sinceMs, exceptInstances: [], lines: SHOWN_LINES });
  const log = records.map((record) => record.message).filter((line) => line !== message);
  const shown = log.map((line) => `  ${line}`).join("\n");
  return new OrcoError(
    "blocked",
    `${error.message}\nlast lines of the build of ${service}:\n${shown}`,
    { ...error.facts, log },
    { cause: error },
  );
}
