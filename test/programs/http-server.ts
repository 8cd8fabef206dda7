// http-server.ts [--port N] [--ready-after MS] [--status CODE] [--body TEXT] [--ignore-term]: answers every request with CODE (200),
// or 503 until MS have passed. Port: --port, else $PORT, else one of the kernel's choice. Prints "listening on PORT".
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env["PORT"] ?? "0" },
    "ready-after": { type: "string", default: "0" },
    status: { type: "string", default: "200" },
    body: { type: "string", default: "ok" },
    "ignore-term": { type: "boolean", default: false },
  },
});
const readyAt = performance.now() + Number(values["ready-after"]);
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(values.port),
  fetch: () => new Response(values.body, { status: performance.now() < readyAt ? 503 : Number(values.status) }),
});
process.on("SIGTERM", () => {
  if (!values["ignore-term"]) process.exit(0);
});
console.log(`listening on ${server.port}`);
