// versioned.ts VERSION [--unready-until FILE] [--fail]: an http server on $PORT that answers "VERSION ORCO_INSTANCE". It ends politely: what is in
// flight is answered first. /health is 503 until FILE exists. /slow answers after 300 ms.
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "unready-until": { type: "string" }, fail: { type: "boolean", default: false } },
});
const [version = "v?"] = positionals;
const awaited = values["unready-until"];
if (values.fail) process.exit(9);

function isReady(): boolean {
  return awaited === undefined || existsSync(awaited);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/health") return new Response(version, { status: isReady() ? 200 : 503 });
    if (pathname === "/slow") await Bun.sleep(300);
    return new Response(`${version} ${process.env["ORCO_INSTANCE"] ?? ""} ${process.env["ORCO_REPLICA"] ?? ""}`);
  },
});
process.on("SIGTERM", () => void server.stop().then(() => process.exit(0)));
console.log(`listening on ${server.port}`);
