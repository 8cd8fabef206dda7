// Tells how node's HTTP parser (llhttp, strict) reads bytes. Each line of stdin is one connection, `=` and base64; an empty line ends a batch. Each line of stdout, in the same order,
// {"requests": [[method, target, body in base64, complete], …], "error": code or null}. Nothing listens: the connections are in memory.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Duplex } from "node:stream";

const NEVER = 0;
const server = createServer({ keepAliveTimeout: NEVER, requestTimeout: NEVER, headersTimeout: NEVER, insecureHTTPParser: false });

class Connection extends Duplex {
  requests = [];
  error = null;
  _read() {}
  _write(_bytes, _encoding, done) {
    done();
  }
  setTimeout() {
    return this;
  }
  setNoDelay() {}
  setKeepAlive() {}
  destroySoon() {
    this.destroy();
  }
}

server.on("request", (request, response) => {
  const chunks = [];
  request.socket.requests.push({ request, chunks });
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => response.end());
  request.on("error", () => response.end());
});
server.on("clientError", (error, socket) => {
  socket.error ??= error.code ?? String(error);
  socket.destroy();
});

function read(bytes) {
  const connection = new Connection();
  server.emit("connection", connection);
  const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers();
  connection.on("error", () => {});
  connection.on("close", () => setImmediate(() => resolve(report(connection))));
  connection.push(bytes);
  setImmediate(() => connection.push(null));
  return promise;
}

function withResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve) => (parts.resolve = resolve));
  return parts;
}

function report({ requests, error }) {
  const told = requests.map(({ request, chunks }) => [
    request.method,
    request.url,
    Buffer.concat(chunks).toString("base64"),
    request.complete,
  ]);
  return { requests: told, error };
}

// An empty line ends a batch: what was given until then is answered.
const waiting = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "") {
    const reports = await Promise.all(waiting.splice(0));
    process.stdout.write(reports.map((each) => `${JSON.stringify(each)}\n`).join(""));
  } else {
    waiting.push(read(Buffer.from(line.slice(1), "base64")));
  }
}
