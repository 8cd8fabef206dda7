/** `bullmq-load.mjs <path of bullmq> '{"scene": "work" | "accept", "port": 6379, "clients": 50, "seconds": 4}'`: as `runs-load.ts`. `work`: each client waits for the end of its job. */
const [library, job] = process.argv.slice(2);
const { Queue, QueueEvents } = await import(library);
const { scene, port, clients, seconds } = JSON.parse(job);
const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
// Nobody works on the other one.
const queue = new Queue(scene === "work" ? "bench" : "accepted", { connection });
const events = new QueueEvents("bench", { connection });
await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
const once = async () => {
  const job = await queue.add("three", {});
  if (scene === "work") await job.waitUntilFinished(events);
};
const times = [];
const started = performance.now();
const until = started + seconds * 1000;
const repeat = async () => {
  for (let at = performance.now(); at < until; at = performance.now()) {
    await once();
    times.push(performance.now() - at);
  }
};
await Promise.all(Array.from({ length: clients }, repeat));
const ms = performance.now() - started;
const said = { count: times.length, ms, times: times.map((time) => Number(time.toFixed(3))) };
process.stdout.write(`${JSON.stringify(said)}\n`, () => process.exit(0));
