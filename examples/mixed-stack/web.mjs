import { createServer } from "node:http";

const { API_URL = "http://127.0.0.1:8080/", PORT = "3000" } = process.env;

async function answer(request, response) {
  if (request.url === "/healthz") return response.end("ok");
  const said = await fetch(API_URL).then((found) => found.text());
  response.end(`the API says ${said}`);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(502).end(`${error}\n`));
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(`listening on ${PORT}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
