import { expect, test } from "bun:test";
import { Histogram, renderMetrics, Series } from "./metrics.ts";

test("counters, gauges and histograms in Prometheus text", () => {
  const requests = new Series({ name: "requests_total", help: "All\nof them.", type: "counter" });
  requests.add({ route: "/a" });
  requests.add({ route: "/a" }, 2);
  requests.add({ route: 'q"\\\n' });
  const latency = new Histogram({ name: "latency_seconds", help: "Time." }, [0.1, 1]);
  for (const value of [0.1, 0.5, 7]) latency.observe({}, value);
  expect(renderMetrics([requests.family(), latency.family()])).toBe(`# HELP requests_total All\\nof them.
# TYPE requests_total counter
requests_total{route="/a"} 3
requests_total{route="q\\"\\\\\\n"} 1
# HELP latency_seconds Time.
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 1
latency_seconds_bucket{le="1"} 2
latency_seconds_bucket{le="+Inf"} 3
latency_seconds_sum 7.6
latency_seconds_count 3
`);
});

test("label combinations are bounded", () => {
  const series = new Series({ name: "n", help: "h", type: "gauge" }, 2);
  for (const id of ["a", "b", "c"]) series.set({ id }, 1);
  expect(series.family().samples).toHaveLength(2);
});
