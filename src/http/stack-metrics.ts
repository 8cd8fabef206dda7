import { Histogram, Series, type Family } from "./metrics.ts";
import type { StackService } from "./services.ts";

interface Transition {
  readonly stack: string;
  readonly service: string;
  readonly state: string;
  readonly reason: string;
}

/** Seconds; probes answer in milliseconds or time out after one second by default. */
const LATENCY_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Metrics of stacks (stack.md, HTTP): gauges are read from the views, counters kept here. */
export class StackMetrics {
  private readonly restarts = new Series({ name: "orco_service_restarts_total", help: "Restarts by reason.", type: "counter" });
  private readonly updates = new Series({ name: "orco_update_outcome_total", help: "Finished updates.", type: "counter" });
  private readonly latency = new Histogram({ name: "orco_probe_latency_seconds", help: "Time a probe took." }, LATENCY_BOUNDS);

  /** Called for every start after the first. */
  restarted({ stack, service, reason }: Transition): void {
    this.restarts.add({ stack, service, reason });
  }

  updated(labels: { strategy: string; outcome: string }): void {
    this.updates.add(labels);
  }

  probed({ stack, service }: { stack: string; service: string }, probe: string, latencyMs: number): void {
    this.latency.observe({ stack, service, probe }, latencyMs / 1000);
  }

  families(
    stacks: Pick<StackService, "list" | "get">,
    logs: readonly { stack: string; service: string; lines: number; dropped: number }[],
  ): Family[] {
    const views = stacks.list().map(({ stack }) => stacks.get(stack));
    const each = views.flatMap(({ stack, services }) => services.map((view) => ({ labels: { stack, service: view.service }, view })));
    const states = each.flatMap(({ labels, view }) =>
      [...Map.groupBy(view.instances, ({ state }) => state)].map(([state, found]) => ({
        labels: { ...labels, state },
        value: found.length,
      })),
    );
    const gauge = (name: string, help: string, samples: Family["samples"]): Family => ({ name, help, type: "gauge", samples });
    const counter = (name: string, help: string, key: "lines" | "dropped"): Family => ({
      name,
      help,
      type: "counter",
      samples: logs.map((log) => ({ labels: { stack: log.stack, service: log.service }, value: log[key] })),
    });
    return [
      gauge(
        "orco_service_ready",
        "1 when enough replicas are ready.",
        each.map(({ labels, view }) => ({ labels, value: view.ready ? 1 : 0 })),
      ),
      gauge("orco_service_replicas", "Instances by state.", states),
      this.restarts.family(),
      this.latency.family(),
      this.updates.family(),
      counter("orco_log_lines_total", "Log lines read.", "lines"),
      counter("orco_log_dropped_total", "Log lines that slow followers missed.", "dropped"),
    ];
  }
}
