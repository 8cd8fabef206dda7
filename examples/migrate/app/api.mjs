// Answers with what migrate.mjs has left. Listens on PORT.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const folder = process.env.DATA_DIR ?? "./data";
const server = createServer((request, response) => {
  const ok = request.url === "/health" ? "ok" : readFileSync(`${folder}/greeting.json`, "utf8");
  response.end(`${ok}\n`);
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? "127.0.0.1", () => {
  console.log(JSON.stringify({ level: "info", msg: "listening", port: server.address().port }));
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
