/** A web server small enough to be deployed: it knows its version, and a setting breaks its health. */
import settings from "./settings.json" with { type: "json" };

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname !== "/healthz") return new Response(`${settings.version}\n`);
    return settings.healthy ? new Response("ok\n") : new Response("no connection to the database\n", { status: 503 });
  },
});

console.log(`version ${settings.version} listens on ${server.port}`);

process.on("SIGTERM", () => {
  void server.stop().then(() => process.exit(0));
});
