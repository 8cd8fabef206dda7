/** A web server small enough to be deployed: it knows its version, and a setting breaks its health. Node or Bun run it. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const settings = JSON.parse(readFileSync(new URL("settings.json", import.meta.url), "utf8"));

const server = createServer(({ url }, response) => {
  if (url !== "/healthz") response.end(`${settings.version}\n`);
  else if (settings.healthy) response.end("ok\n");
  else response.writeHead(503).end("no connection to the database\n");
});

const port = Number(process.env.PORT);
server.listen(port, "127.0.0.1", () => console.log(`version ${settings.version} listens on ${port}`));

process.on("SIGTERM", () => server.close(() => process.exit(0)));
