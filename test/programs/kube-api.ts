// kube-api.ts [--port N] [--processes]: the few verbs of a Kubernetes API server that orco uses, for Jobs, Pods, Secrets and Events of any namespace, with faults on
// demand. A Job that is let go gets a pod; what the pod does comes from its command: ["exit", "3"], ["hang"], ["say", "line", …] (then exit 0), ["wait"] (for /_/pod).
// With --processes commands are carried out on this machine instead; SIGTERM ends them with the server.
//   POST /_/fault {match, status?, retry_after?, hang?, slow_ms?, times?}   the next `times` (1) requests whose "METHOD path?query" holds `match` go wrong
//   POST /_/gone                  every watch so far ends with a 410 ERROR event, versions before now are 410
//   POST /_/cut {what: watch|log}  every such stream is cut in the middle of a line     POST /_/heal  no more faults
//   POST /_/pod {job, status?, log?, exit?, remove?, metadata?}   what a kubelet would report
//   GET  /_/seen                  {requests: ["METHOD path?query", …]}
import { parseArgs } from "node:util";
import { KubeApi } from "./kube-api/server.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, processes: { type: "boolean", default: false } } });
const api = new KubeApi(values);
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(values.port),
  idleTimeout: 0,
  development: false,
  fetch: (request) => api.answer(request),
});
process.on("SIGTERM", () => {
  api.end();
  process.exit(0);
});
console.log(`listening on ${server.port}`);
