import { DURATION_BOUNDS_S, type FrontStats } from "./metrics-counters.ts";

export type Labels = Readonly<Record<string, string>>;

/** One metric family as the exposition prints it. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** `suffix` is `_bucket`, `_sum`, `_count` of a histogram. */
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly suffix?: string;
}

const about = (name: string, help: string, type: Family["type"]) => ({ name, help, type });

const PER_FRONT = [
  { ...about("orco_edge_inflight", "Requests and connections in flight.", "gauge"), of: (stats: FrontStats) => stats.inFlight },
  { ...about("orco_edge_held", "Requests and connections that wait for a target.", "gauge"), of: (stats: FrontStats) => stats.held },
  { ...about("orco_edge_connections", "Open connections of clients.", "gauge"), of: (stats: FrontStats) => stats.connections },
  {
    ...about("orco_edge_retries_total", "Attempts on another target or another connection.", "counter"),
    of: (stats: FrontStats) => stats.retries,
  },
];

/** Of the counts of all fronts, summed over the workers. */
export function frontFamilies(fronts: Iterable<FrontStats>): Family[] {
  const all = [...fronts];
  const requests = all.flatMap(({ listener, pool, codes }) =>
    Object.entries(codes).map(([code, value]) => ({ labels: { listener, pool, code: code.padStart(3, "0") }, value })),
  );
  const durations = all.flatMap((front) =>
    histogramSamples({ listener: front.listener, pool: front.pool }, { counts: front.durations, sum: front.durationSumS }),
  );
  return [
    {
      ...about("orco_edge_requests_total", "Requests that are over; 499: the client left, 000: a connection without HTTP.", "counter"),
      samples: requests,
    },
    {
      ...about("orco_edge_request_duration_seconds", "From the head of a request to the end of its answer.", "histogram"),
      samples: durations,
    },
    ...PER_FRONT.map(({ of, ...family }) => ({
      ...family,
      samples: all.map((front) => ({ labels: { listener: front.listener, pool: front.pool }, value: of(front) })),
    })),
  ];
}

export interface WorkerNumbers {
  readonly serving: number;
  readonly rssBytes: ReadonlyMap<number, number>;
  readonly replacements: ReadonlyMap<string, number>;
  readonly swaps: { readonly counts: readonly number[]; readonly sum: number };
}

export function workerFamilies({ serving, rssBytes, replacements, swaps }: WorkerNumbers): Family[] {
  return [
    { ...about("orco_edge_workers", "Workers that take new connections.", "gauge"), samples: [{ labels: {}, value: serving }] },
    {
      ...about("orco_edge_worker_memory_bytes", "Resident memory by worker.", "gauge"),
      samples: [...rssBytes].map(([worker, value]) => ({ labels: { worker: String(worker) }, value })),
    },
    {
      ...about("orco_edge_worker_replacements_total", "Workers replaced, by reason.", "counter"),
      samples: [...replacements].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    {
      ...about("orco_edge_swap_seconds", "From a change of the routes until all workers serve it.", "histogram"),
      samples: histogramSamples({}, swaps),
    },
  ];
}

function histogramSamples(labels: Labels, { counts, sum }: { counts: readonly number[]; sum: number }): Sample[] {
  let total = 0;
  const buckets = counts.map((count, at) => {
    total += count;
    return { suffix: "_bucket", labels: { ...labels, le: String(DURATION_BOUNDS_S[at] ?? "+Inf") }, value: total };
  });
  return [...buckets, { suffix: "_sum", labels, value: sum }, { suffix: "_count", labels, value: total }];
}

/** The numbers of a worker that ended, added to those that live: what it had open is gone with it. */
export function addStats(a: FrontStats, b: FrontStats): FrontStats {
  const codes = { ...a.codes };
  for (const [code, count] of Object.entries(b.codes)) codes[code] = (codes[code] ?? 0) + count;
  return {
    listener: a.listener,
    pool: a.pool,
    codes,
    durations: a.durations.map((count, at) => count + (b.durations[at] ?? 0)),
    durationSumS: a.durationSumS + b.durationSumS,
    retries: a.retries + b.retries,
    inFlight: a.inFlight + b.inFlight,
    held: a.held + b.held,
    connections: a.connections + b.connections,
  };
}
