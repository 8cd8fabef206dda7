import { OrcoError } from "../../kernel/errors.ts";
import type { RunContext } from "../../workflow/define.ts";
import { hopeless, isSettled } from "../gate.ts";
import type { Stack } from "../stack.ts";

/** Time passes for one-shots without a change of the stack. */
const LOOK_MS = 1000;

/**
 * Waits until every named service is ready (one-shots: completed) or not wanted to run, and reachable where the edge fronts it.
 * Throws `blocked` (facts: chain) as soon as one definitely cannot become ready, `port_in_use` where the edge cannot listen.
 */
export async function settle(stack: Stack, services: readonly string[], context: RunContext): Promise<void> {
  const blocked = await stack.until(
    (now) => {
      const snapshot = stack.decided();
      const known = new Map<string, string | undefined>();
      const chain = services.map((service) => hopeless(service, snapshot, known)).filter((why) => why !== undefined);
      if (chain.length > 0) return chain;
      return services.every((service) => isSettled(snapshot.get(service), now)) ? [] : undefined;
    },
    context.signal,
    LOOK_MS,
  );
  if (blocked.length > 0) throw new OrcoError("blocked", blocked.join("\n"), { stack: stack.name, chain: blocked });
  await Promise.all(services.map((service) => stack.fronts.served(service)));
}
