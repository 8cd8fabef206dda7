/** `bullmq-worker.mjs <path of bullmq> <redis port> <concurrency>`: jobs that record three steps. Prints a line when it works. */
const [library, ...numbers] = process.argv.slice(2);
const { Worker } = await import(library);
const [port, concurrency] = numbers.map(Number);
const three = async (job) => {
  for (const step of ["a", "b", "c"]) await job.updateProgress({ step });
  return { ok: true };
};
const worker = new Worker("bench", three, { connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null }, concurrency });
await worker.waitUntilReady();
console.log("works");
