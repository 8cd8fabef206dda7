/**
 * Load on a daemon of durable runs, as its own process: `runs-load.ts '{"scene": "plan", "url": "http://127.0.0.1:7070", "clients": 50, "seconds": 4}'`.
 * Closed loop: each client begins the next one when it knows the end of the one before. Prints `{count, ms, times}`, in ms.
 */
import { type Answer, Lane } from "./http-lane.ts";

interface Job {
  readonly scene: keyof typeof SCENES;
  readonly url: string;
  readonly clients: number;
  readonly seconds: number;
  /** Of the service that steps ask. */
  readonly step?: string;
}

/** One whole thing of a client: what is timed. */
type Once = () => Promise<void>;

const SCENES = { plan: planned, external: worked, accept: accepted, checkpoint: checkpointed, invoke: invoked, send: sent };

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const lane = (): Lane => new Lane(new URL(job.url));

/** A plan of three requests; its end is heard on the stream of all events. */
async function planned(): Promise<() => Promise<Once>> {
  const ended = await ends(job.url);
  const http = { method: "PUT", url: job.step ?? "", body: {} };
  const steps = ["a", "b", "c"].map((id, i, all) => ({ id, http, needs: all.slice(Math.max(0, i - 1), i) }));
  return async () => {
    const own = lane();
    return async () => {
      const { runId } = expect(201, await own.ask("POST", "/runs", { plan: { steps } }));
      const status = await ended(runId);
      if (status !== "completed") throw new Error(`run ${runId}: ${status}`);
    };
  };
}

/** What a worker does of its own: takes a run, records three steps, ends it. */
async function worked(): Promise<() => Promise<Once>> {
  return async () => {
    const own = lane();
    return async () => {
      const { runId } = expect(201, await own.ask("POST", "/runs", { external: true }));
      const { token } = expect(200, await own.ask("POST", `/runs/${runId}/claim`, { worker: "bench" }));
      const as = `X-Run-Token: ${token}\r\n`;
      for (const step of ["a", "b", "c"])
        expect(201, await own.ask("POST", `/runs/${runId}/checkpoints`, { type: "step", step, data: { n: 1 } }, as));
      expect(200, await own.ask("POST", `/runs/${runId}/finish`, { status: "completed", result: { ok: true } }, as));
    };
  };
}

async function accepted(): Promise<() => Promise<Once>> {
  return async () => {
    const own = lane();
    return async () => void expect(201, await own.ask("POST", "/runs", { external: true }));
  };
}

/** Each client has a run of its own. */
async function checkpointed(): Promise<() => Promise<Once>> {
  return async () => {
    const own = lane();
    const { runId } = expect(201, await own.ask("POST", "/runs", { external: true }));
    const { token } = expect(200, await own.ask("POST", `/runs/${runId}/claim`, { worker: "bench" }));
    const body = { type: "progress", data: { step: "train", epoch: 3, loss: 0.25 } };
    return async () => void expect(201, await own.ask("POST", `/runs/${runId}/checkpoints`, body, `X-Run-Token: ${token}\r\n`));
  };
}

/** Restate: answers when the handler has ended. */
async function invoked(): Promise<() => Promise<Once>> {
  return async () => {
    const own = lane();
    return async () => void expect(200, await own.ask("POST", "/bench/three", {}));
  };
}

/** Restate: answers when it is taken; it is executed an hour later. */
async function sent(): Promise<() => Promise<Once>> {
  return async () => {
    const own = lane();
    return async () => void expect(202, await own.ask("POST", "/bench/nothing/send?delay=1h", {}));
  };
}

interface Told {
  readonly runId: string;
  readonly token: string;
}

/** What of an answer is gone on with. */
function expect(wanted: number, { status, body }: Answer): Told {
  if (status !== wanted) throw new Error(`answered ${status}: ${body.slice(0, 500)}`);
  return JSON.parse(body) as Told;
}

/** Resolves with the status of a run once its end is heard of, whichever comes first: the question or the event. */
async function ends(url: string): Promise<(run: string) => Promise<string>> {
  const told = new Map<string, PromiseWithResolvers<string>>();
  const of = (run: string): PromiseWithResolvers<string> => {
    const known = told.get(run) ?? Promise.withResolvers<string>();
    told.set(run, known);
    return known;
  };
  const answer = await fetch(`${url}/events?topic=run/*`, { headers: { accept: "text/event-stream" } });
  void listen(answer.body ?? new ReadableStream(), (run, status) => of(run).resolve(status));
  return async (run) => {
    const status = await of(run).promise;
    told.delete(run);
    return status;
  };
}

const END = /^event: status\nid: .*\ndata: .*"event_type":"run\.(completed|failed|canceled)"/m;

async function listen(stream: ReadableStream<Uint8Array>, heard: (run: string, status: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    for (const frame of frames) {
      const status = END.exec(frame)?.[1];
      if (status !== undefined) heard(/"runId":"([^"]+)"/.exec(frame)?.[1] ?? "", status);
    }
  }
}

const begin = await SCENES[job.scene]();
const clients = await Promise.all(Array.from({ length: job.clients }, begin));
const times: number[] = [];
const started = performance.now();
const until = started + job.seconds * 1000;
const repeat = async (once: Once): Promise<void> => {
  for (let at = performance.now(); at < until; at = performance.now()) {
    await once();
    times.push(performance.now() - at);
  }
};
await Promise.all(clients.map(repeat));
const ms = performance.now() - started;
await Bun.write(Bun.stdout, `${JSON.stringify({ count: times.length, ms, times: times.map((time) => Number(time.toFixed(3))) })}\n`);
process.exit(0);
