/**
 * The service of the rolling bench: answers on PORT with its version, `/slow` after 200 ms. On SIGTERM or SIGINT (pm2) it takes nothing new, ends what it
 * has begun, and goes. LISTEN: `fd` is the socket it has been given as its stdin (supervisord), `shared` shares PORT with others of its kind (bun alone can).
 * ADMIN is a second port, of this process alone. The version is VERSION, or what stands in VERSION_FILE.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const { ADMIN, LISTEN, VERSION_FILE } = process.env;
const port = Number(process.env.PORT);
const hostname = "127.0.0.1";
const version = process.env.VERSION ?? readFileSync(VERSION_FILE, "utf8").trim();
const SLOW_MS = 200;

function withNode() {
  let leaving = false;
  const server = createServer((request, response) => {
    if (leaving) response.setHeader("connection", "close");
    const answer = () => response.end(version);
    if (request.url === "/slow") setTimeout(answer, SLOW_MS);
    else answer();
  });
  const where = LISTEN === "fd" ? { fd: 0 } : { port, host: hostname };
  server.listen(where, () => process.send?.("ready"));
  return () => {
    leaving = true;
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  };
}

function withBun() {
  const server = globalThis.Bun.serve({
    port,
    hostname,
    reusePort: true,
    async fetch({ url }) {
      if (url.endsWith("/slow")) await globalThis.Bun.sleep(SLOW_MS);
      return new Response(version);
    },
  });
  return () => void server.stop().then(() => process.exit(0));
}

const leave = LISTEN === "shared" ? withBun() : withNode();
process.on("SIGTERM", leave);
process.on("SIGINT", leave);
if (ADMIN) createServer((_, response) => response.end(version)).listen(Number(ADMIN), hostname);
