import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Replay, WireEngine } from "../../../test/programs/wire-engine.ts";
import { until } from "../../../test/until.ts";
import { CertificateFolder } from "../../edge/certificate.fake.ts";
import { FakeClock, systemClock } from "../../kernel/clock.ts";
import { EngineFault } from "../adapters/adapter.ts";
import { UpstreamClient, type UpstreamOptions, type UpstreamRequest } from "./client.ts";

const clients: UpstreamClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function newClient(options: Partial<UpstreamOptions> = {}): UpstreamClient {
  const client = new UpstreamClient({ clock: systemClock(), ...options });
  clients.push(client);
  return client;
}

function ask(client: UpstreamClient, request: Partial<UpstreamRequest> & { url: string }): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let body = "";
    client.request(
      { method: "GET", path: "/x", ...request },
      {
        head: (head) => (status = head.status),
        data: (bytes) => (body += bytes.toString("latin1")),
        end: () => resolve({ status, body }),
        fail: reject,
      },
    );
  });
}

async function faultOf(asked: Promise<unknown>): Promise<EngineFault | undefined> {
  return asked.then(
    () => undefined,
    (fault: EngineFault) => fault,
  );
}

const OK: Replay = { bytes: Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") };

describe("connections", () => {
  test("are used again, and only after an answer that is whole and allows it", async () => {
    using engine = new WireEngine();
    const client = newClient();
    const closing = { bytes: Buffer.from("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok") };
    const spilling = { bytes: Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore") };
    engine.answer(OK, OK, closing, spilling, OK, OK);
    for (let at = 0; at < 4; at++) expect(await ask(client, { url: engine.url })).toEqual({ status: 200, body: "ok" });
    await ask(client, { url: engine.url, keep: false });
    await ask(client, { url: engine.url });
    expect(engine.asked.map(({ connection }) => connection)).toEqual([0, 0, 0, 1, 2, 3]);
    expect(engine.asked.map(({ headers }) => headers["connection"])).toEqual([
      ...Array.from({ length: 4 }, () => "keep-alive"),
      "close",
      "keep-alive",
    ]);
  });

  test("that were closed while idle are noticed", async () => {
    using engine = new WireEngine();
    const client = newClient();
    engine.answer({ ...OK, ends: "close" }, OK);
    await ask(client, { url: engine.url });
    await until("the engine has closed it", () => engine.closed === 1);
    expect(await ask(client, { url: engine.url })).toMatchObject({ status: 200 });
  });

  test.each(["close", "reset"] as const)("that end (%s) as they are used again cost a fresh one, once", async (ends) => {
    using engine = new WireEngine();
    const client = newClient();
    const gone: Replay = { bytes: Buffer.alloc(0), ends };
    engine.answer(OK, gone, OK);
    await ask(client, { url: engine.url });
    expect(await ask(client, { url: engine.url, method: "POST", body: '{"a":1}' })).toEqual({ status: 200, body: "ok" });
    expect(engine.asked.map(({ connection, body }) => [connection, body])).toEqual([
      [0, ""],
      [0, '{"a":1}'],
      [1, '{"a":1}'],
    ]);
    engine.answer(gone);
    expect((await faultOf(ask(client, { url: engine.url })))?.kind).toBe("connect");
    // On the idle one and on a fresh one, no more.
    expect(engine.asked).toHaveLength(5);
  });

  test("wait no longer than 3 s for their next request, and not all of them", async () => {
    using engine = new WireEngine();
    const clock = new FakeClock();
    const client = newClient({ clock });
    engine.answer(OK);
    await Promise.all(Array.from({ length: 30 }, () => ask(client, { url: engine.url })));
    await until("those above the bound are closed", () => engine.closed === 14);
    await clock.advance(2999);
    expect(engine.closed).toBe(14);
    await clock.advance(1);
    await until("all are closed", () => engine.closed === 30);
    expect(clock.pendingTimers).toBe(0);
  });

  test("are let go of with the client", async () => {
    using engine = new WireEngine();
    const clock = new FakeClock();
    const client = newClient({ clock });
    engine.answer(OK);
    await ask(client, { url: engine.url });
    client.close();
    await until("it is closed", () => engine.closed === 1);
    expect(clock.pendingTimers).toBe(0);
  });

  test("that were released early are kept once the body has ended, and closed when it never does", async () => {
    using engine = new WireEngine();
    const clock = new FakeClock();
    const client = newClient({ clock });
    const part = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
    const released = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const call = client.request(
          { url: engine.url, method: "GET", path: "/x" },
          {
            head: () => undefined,
            data: () => {
              call.release();
              resolve();
            },
            end: () => reject(new Error("told after the release")),
            fail: reject,
          },
        );
      });
    engine.answer({ bytes: Buffer.concat([part, Buffer.from("0\r\n\r\n")]), pieces: 20 }, OK, { bytes: part });
    await released();
    await until("the engine has sent all", () => engine.sent === 1);
    // Its last bytes are under way: an answer that came on another connection was sent after them.
    const other = newClient();
    await ask(other, { url: engine.url });
    other.close();
    await released();
    expect(engine.asked.map(({ connection }) => connection)).toEqual([0, 1, 0]);
    await clock.advance(1000);
    await until("it is closed", () => engine.closed === engine.connections);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("a connection that does not come about", () => {
  test("is given up after its time", async () => {
    const clock = new FakeClock();
    const asked = faultOf(
      ask(newClient({ clock, connectTimeoutMs: 700, lookup: () => new Promise(() => undefined) }), { url: "http://engine.test:8000" }),
    );
    await clock.advance(700);
    expect(await asked).toMatchObject({ kind: "connect", message: "the engine at http://engine.test:8000 did not answer within 700 ms" });
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    ["http://127.0.0.1:1/secret?key=1", /^the engine at http:\/\/127.0.0.1:1 refused the connection; is it running\?$/],
    ["http://user:pass@127.0.0.1:1", /^the engine at http:\/\/127.0.0.1:1 refused/],
    ["ftp://127.0.0.1", /not an http or https URL/],
    ["nonsense", /not an http or https URL/],
    ["http://169.254.169.254", /link-local and metadata addresses are refused/],
    ["http://[::ffff:169.254.169.254]:80", /link-local and metadata addresses are refused/],
    ["http://2852039166", /link-local and metadata addresses are refused/],
  ])("%s", async (url, message) => {
    const fault = await faultOf(Promise.try(() => ask(newClient(), { url })));
    expect(fault).toBeInstanceOf(EngineFault);
    expect(fault?.kind).toBe("connect");
    expect(fault?.message).toMatch(message);
  });

  test("a name that resolves to a metadata address leads nowhere; its other addresses do", async () => {
    using engine = new WireEngine();
    engine.answer(OK);
    const { port } = new URL(engine.url);
    let addresses = ["169.254.169.254"];
    const client = newClient({ lookup: () => Promise.resolve(addresses) });
    expect((await faultOf(ask(client, { url: `http://engine.test:${port}` })))?.message).toMatch(/metadata/);
    addresses = ["169.254.169.254", "127.0.0.2", "127.0.0.1"];
    expect(await ask(client, { url: `http://engine.test:${port}/base/` })).toMatchObject({ status: 200 });
    expect(engine.asked[0]).toMatchObject({ path: "/base/x", headers: { host: `engine.test:${port}`, "accept-encoding": "identity" } });
  });

  test("a name nobody knows", async () => {
    const unknown = (): Promise<never> => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }));
    expect((await faultOf(ask(newClient({ lookup: unknown }), { url: "http://engine.test" })))?.message).toMatch(
      /does not resolve \(ENOTFOUND\)/,
    );
  });

  test.each(["sk-1\r\nX: y", "sk-1\u010d\u010aX: y"])("a key that would break the head is not sent, nor told: %j", async (apiKey) => {
    const fault = await faultOf(Promise.try(() => ask(newClient(), { url: "http://127.0.0.1:1", apiKey })));
    expect(fault?.message).toMatch(/line break/);
    expect(fault?.message).not.toContain("sk-1");
  });
});

describe("requests", () => {
  test("a body of 32 MiB goes as fast as the engine reads", async () => {
    const size = 32 * 1024 * 1024;
    const block = Array.from({ length: 1000 }, (_, at) => String(at).padStart(7)).join("");
    const body = block.repeat(Math.ceil(size / block.length)).slice(0, size);
    const received: Buffer[] = [];
    const server = createServer((socket) => slowly(socket, received, size));
    const url = await listening(server);
    expect(await ask(newClient(), { url, method: "POST", body })).toMatchObject({ status: 200 });
    const whole = Buffer.concat(received).toString("latin1");
    expect(whole.slice(whole.indexOf("\r\n\r\n") + 4) === body).toBe(true);
    server.close();
  });

  test("an answer before the body was read is taken", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.pause();
      socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    });
    const url = await listening(server);
    expect(await ask(newClient(), { url, method: "POST", body: "x".repeat(8 * 1024 * 1024) })).toEqual({ status: 413, body: "big" });
    server.close();
  });
});

describe("TLS", () => {
  const folder = new CertificateFolder();
  const files = folder.make("engine", ["localhost"]);
  const pem = { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
  folder.remove();

  test("only to who proves the name, and the key goes nowhere before", async () => {
    let received = "";
    const server = createTlsServer(pem, (socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (bytes) => {
        received += bytes.toString();
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    });
    const url = (await listening(server)).replace("http://127.0.0.1", "https://localhost");
    const distrustful = await faultOf(ask(newClient(), { url, apiKey: "sk-secret" }));
    expect(distrustful).toMatchObject({ kind: "connect" });
    expect(distrustful?.message).toMatch(/certificate/);
    expect(received).toBe("");
    const client = newClient({ ca: pem.cert });
    expect(await ask(client, { url, apiKey: "sk-secret" })).toEqual({ status: 200, body: "ok" });
    expect(await ask(client, { url, apiKey: "sk-secret" })).toEqual({ status: 200, body: "ok" });
    expect(received).toContain("Authorization: Bearer sk-secret");
    const other = await faultOf(ask(newClient({ ca: pem.cert }), { url: url.replace("localhost", "127.0.0.1") }));
    expect(other?.message).toMatch(/certificate/);
    client.close();
    server.close();
  });

  test("a handshake that never ends is given up, and its connection closed", async () => {
    const clock = new FakeClock();
    const ends: string[] = [];
    let greeted = false;
    const server = createServer((socket) => {
      socket.on("error", () => ends.push("reset"));
      socket.on("close", () => ends.push("close"));
      socket.on("data", () => (greeted = true));
    });
    const url = (await listening(server)).replace("http:", "https:");
    const asked = faultOf(ask(newClient({ clock, connectTimeoutMs: 700 }), { url }));
    await until("the client said hello", () => greeted);
    await clock.advance(700);
    expect((await asked)?.message).toMatch(/did not answer within 700 ms/);
    await until("the engine sees the close", () => ends.includes("close"));
    server.close();
  });
});

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
}

/** Reads a piece per turn, and answers when it has all of a body of this size. */
function slowly(socket: Socket, pieces: Buffer[], size: number): void {
  let left = size;
  socket.on("error", () => undefined);
  socket.on("data", (bytes: Buffer) => {
    if (pieces.length === 0) left += bytes.indexOf("\r\n\r\n") + 4;
    pieces.push(bytes);
    left -= bytes.length;
    socket.pause();
    setImmediate(() => socket.resume());
    if (left === 0) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
}
