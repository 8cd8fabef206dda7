import type { StackView } from "../stack/view.ts";

/** How a stack ended, when nothing of it runs or will run again by itself. */
export function overAs({ services }: StackView): "ended" | "failed" | undefined {
  const over = services.every(
    ({ state, replicas, schedule }) => replicas.live === 0 && (state === "Stopped" || state === "Failed") && schedule?.next === undefined,
  );
  if (!over) return undefined;
  return services.some((service) => service.state === "Failed") ? "failed" : "ended";
}
