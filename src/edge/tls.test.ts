import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { until } from "../../test/until.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { CertificateFolder } from "./certificate.fake.ts";
import type { CertificateFiles } from "./route.ts";
import { listenTls, type TlsListener } from "./tls.ts";
import type { Wire, WireHandlers } from "./wire.ts";

const folder = new CertificateFolder();
const [blog, shop] = [folder.make("blog", ["blog.test", "*.blog.test"]), folder.make("shop", ["shop.test"])];
const toDo: (() => void)[] = [];
afterAll(() => folder.remove());
afterEach(() => {
  for (const undo of toDo.splice(0)) undo();
});

/** Echoes what comes, and ends when the peer has ended. */
class Echo implements WireHandlers {
  told: string[] = [];
  error: Error | undefined;
  constructor(readonly wire: Wire) {}
  data(bytes: Buffer): void {
    this.wire.write(bytes);
  }
  drain(): void {}
  end(): void {
    this.told.push("end");
    this.wire.end();
  }
  close(error?: Error): void {
    this.told.push("close");
    this.error = error;
  }
}

interface Echoing {
  readonly listener: TlsListener;
  readonly clock: FakeClock;
  readonly wires: Echo[];
  readonly problems: string[];
}

async function echoing(certificates: readonly CertificateFiles[], handshakeMs = 5_000): Promise<Echoing> {
  const [clock, wires, problems] = [new FakeClock(), [] as Echo[], [] as string[]];
  const listener = await listenTls({
    address: "127.0.0.1",
    port: 0,
    certificates,
    clock,
    handshakeMs,
    problem: (message) => problems.push(message),
    onWire(wire) {
      const echo = new Echo(wire);
      wire.handlers = echo;
      wires.push(echo);
    },
  });
  toDo.push(() => listener.stop());
  return { listener, clock, wires, problems };
}

interface Client {
  readonly tls: TLSSocket;
  readonly raw: Socket;
}

async function client({ port }: { port: number }, servername?: string): Promise<Client> {
  const raw = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true });
  toDo.push(() => raw.destroy());
  const name = servername === undefined ? {} : { servername };
  const options: ConnectionOptions = { socket: raw, ...name, rejectUnauthorized: false, ALPNProtocols: ["h2", "http/1.1"] };
  // Not in the types of `connect`, but in what it does.
  const tls = connect(Object.assign(options, { allowHalfOpen: true }));
  toDo.push(() => tls.destroy());
  await once(tls, "secureConnect");
  return { tls, raw };
}

async function nameSeen(listener: TlsListener, servername?: string): Promise<unknown> {
  const { tls } = await client(listener, servername);
  return tls.getPeerCertificate().subject?.CN;
}

/** Lets the watch look until it has seen a change twice; its looks read real files. */
async function looked({ clock }: Echoing, what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  await until(what, async () => {
    await clock.advance(1_000);
    return done();
  });
}

describe("a TLS listener", () => {
  test("chooses the certificate by name, by wildcard for one label, else the first", async () => {
    const { listener } = await echoing([shop, blog]);
    expect(await nameSeen(listener, "blog.test")).toBe("blog.test");
    expect(await nameSeen(listener, "WWW.Blog.Test")).toBe("blog.test");
    expect(await nameSeen(listener, "a.b.blog.test")).toBe("shop.test");
    expect(await nameSeen(listener, "shop.test")).toBe("shop.test");
    expect(await nameSeen(listener, "other.test")).toBe("shop.test");
    expect(await nameSeen(listener)).toBe("shop.test");
  });

  test("speaks HTTP/1.1 only, names the peer and the server, and half-closes", async () => {
    const { listener, wires } = await echoing([blog]);
    const { tls } = await client(listener, "blog.test");
    expect(tls.alpnProtocol).toBe("http/1.1");
    tls.end("request");
    const [answer] = await once(tls, "data");
    expect(String(answer)).toBe("request");
    await once(tls, "end");
    const [echo] = wires;
    expect([echo?.wire.secure, echo?.wire.serverName, echo?.wire.remoteAddress]).toEqual([true, "blog.test", "127.0.0.1"]);
    await until("the close", () => echo?.wire.closed);
    expect([echo?.told, echo?.error]).toEqual([["end", "close"], undefined]);
  });

  test("passes 4 MiB to a client that reads late, pausing its source", async () => {
    const { listener, wires } = await echoing([blog]);
    const { tls } = await client(listener, "blog.test");
    const wire = await until("the wire", () => wires[0]?.wire);
    const queued = wire.write(Buffer.alloc(4 << 20, 7));
    expect(queued).toBeGreaterThan(0);
    const drained = Promise.withResolvers<void>();
    wire.handlers.drain = () => drained.resolve();
    let got = 0;
    tls.on("data", (bytes: Buffer) => (got += bytes.length));
    await drained.promise;
    expect(wire.queued).toBe(0);
    wire.end();
    await once(tls, "end");
    expect(got).toBe(4 << 20);
  });

  test("a reset is a reset, in both directions", async () => {
    const { listener, wires } = await echoing([blog]);
    const one = await client(listener, "blog.test");
    const ended = once(one.tls.resume(), "end");
    const echo = await until("the wire", () => wires[0]);
    echo.wire.reset();
    expect(await ended.catch((error: unknown) => error)).toMatchObject({ code: "ECONNRESET" });
    expect(echo.told).toEqual(["close"]);
    const two = await client(listener, "blog.test");
    two.tls.on("error", () => {});
    const other = await until("the second wire", () => wires[1]);
    two.raw.resetAndDestroy();
    await until("the close", () => other.wire.closed);
    expect([other.told.at(-1), other.error]).toEqual(["close", expect.objectContaining({ code: "ECONNRESET" })]);
  });

  test("is not hurt by what is no handshake", async () => {
    const { listener, wires } = await echoing([blog]);
    for (const garbage of ["GET / HTTP/1.1\r\n\r\n", "\u0016\u0003\u0001\u0000\u0005hello", "\0".repeat(100_000)]) {
      const raw = connectPlain({ port: listener.port, host: "127.0.0.1" });
      toDo.push(() => raw.destroy());
      raw.on("error", () => {});
      raw.end(garbage);
      await once(raw.resume(), "close");
    }
    expect(wires).toEqual([]);
    expect(await nameSeen(listener, "blog.test")).toBe("blog.test");
  });

  test("cuts off who does not finish its handshake", async () => {
    const { listener, wires } = await echoing([blog], 20);
    const raw = connectPlain({ port: listener.port, host: "127.0.0.1" });
    toDo.push(() => raw.destroy());
    raw.on("error", () => {});
    await once(raw.resume(), "close");
    expect(wires).toEqual([]);
  });

  test("is refused with a certificate that cannot be used, and with a port that is taken", async () => {
    const options = { address: "127.0.0.1", clock: systemClock(), problem() {}, onWire() {} };
    const mixed = { cert: blog.cert, key: shop.key };
    for (const files of [mixed, { ...blog, cert: "/nowhere/cert.pem" }, { cert: blog.key, key: blog.key }]) {
      const refused = await listenTls({ ...options, port: 0, certificates: [blog, files] }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "certificate", message: expect.stringContaining(files.cert) });
    }
    const { listener } = await echoing([blog]);
    const taken = await listenTls({ ...options, port: listener.port, certificates: [blog] }).catch((error: unknown) => error);
    expect(taken).toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("certificates change", () => {
  test("files that were replaced are used, and connections go on", async () => {
    const files = folder.make("live", ["old.test"]);
    const echo = await echoing([files]);
    const before = await client(echo.listener);
    folder.make("live", ["new.test"]);
    await looked(echo, "the new certificate", async () => (await nameSeen(echo.listener)) === "new.test");
    expect(await nameSeen(echo.listener, "new.test")).toBe("new.test");
    before.tls.write("still here");
    expect(String((await once(before.tls, "data"))[0])).toBe("still here");
    expect(echo.problems).toEqual([]);
  });

  test("a broken one is reported once, the old one stays until it is mended", async () => {
    const files = folder.make("fragile", ["old.test"]);
    const echo = await echoing([files]);
    writeFileSync(files.cert, "-----BEGIN CERTIFICATE-----\nhalf of i");
    await looked(echo, "the report", () => echo.problems.length > 0);
    for (let look = 0; look < 5; look++) await echo.clock.advance(1_000);
    expect(echo.problems).toHaveLength(1);
    expect(echo.problems[0]).toContain(files.cert);
    expect(await nameSeen(echo.listener)).toBe("old.test");
    const mended = folder.make("mended", ["new.test"]);
    copyFileSync(mended.key, files.key);
    copyFileSync(mended.cert, files.cert);
    await looked(echo, "the mended one", async () => (await nameSeen(echo.listener)) === "new.test");
  });

  test("others may be named; when one is broken nothing changes", async () => {
    const { listener } = await echoing([blog]);
    await listener.update([shop, blog]);
    expect(await nameSeen(listener)).toBe("shop.test");
    const refused = await listener.update([blog, { cert: shop.cert, key: blog.key }]).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "certificate" });
    expect(await nameSeen(listener)).toBe("shop.test");
  });
});
