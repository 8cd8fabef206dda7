import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { sleep } from "./contract.ts";

const LOOK_MS = 10;

/** Passes what arrives on the public port to the live one, and counts what is under way on each. */
export class Proxy {
  private target: number | undefined;
  private readonly underWay = new Map<ServerResponse, number>();
  private readonly clients = new Set<Socket>();
  private readonly server: Server;

  constructor(port: number) {
    this.server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => this.pass(incoming, response));
    this.server.on("connection", (socket: Socket) => {
      this.clients.add(socket);
      socket.on("close", () => this.clients.delete(socket));
    });
    this.server.listen(port, "127.0.0.1");
  }

  swap(port: number | undefined): void {
    this.target = port;
  }

  /** Resolves when nothing is under way on a port, or with what is left cut when time is up. */
  async drain(port: number, timeoutMs: number): Promise<void> {
    for (const deadline = performance.now() + timeoutMs; this.countOn(port) > 0 && performance.now() < deadline;) await sleep(LOOK_MS);
    for (const [response, on] of this.underWay) if (on === port) response.socket?.destroy();
  }

  dropClients(): void {
    for (const socket of this.clients) socket.destroy();
  }

  private countOn(port: number): number {
    return [...this.underWay.values()].filter((on) => on === port).length;
  }

  private pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { target: port } = this;
    if (port === undefined) return void response.writeHead(503).end("nothing is deployed\n");
    this.underWay.set(response, port);
    const { method, url, headers } = incoming;
    // A connection for each request: one that was kept could be closed by the app just when it is used again.
    const outgoing = request({ host: "127.0.0.1", port, method, path: url, headers, agent: false }, (answer) => {
      const { connection: _, "keep-alive": __, ...rest } = answer.headers;
      response.writeHead(answer.statusCode ?? 502, rest);
      response.flushHeaders();
      answer.pipe(response);
      answer.on("error", () => response.socket?.destroy());
    });
    outgoing.on("error", (error) => {
      if (response.headersSent) response.socket?.destroy();
      else response.writeHead(502).end(`${error.message}\n`);
    });
    response.on("close", () => {
      this.underWay.delete(response);
      outgoing.destroy();
    });
    incoming.pipe(outgoing);
  }
}
