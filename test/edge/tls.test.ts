import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { CertificateFolder } from "../../src/edge/certificate.fake.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { Memory, still } from "./flow.ts";
import { Peer } from "./peer.ts";
import { active, answer, draining, forwarded, request, sharedEdge, type Way, type WayOptions, withoutIds } from "./rig.ts";
import { accepted, bytesOf, closeFrame, handshake } from "./websocket-peer.ts";

const MIB = 2 ** 20;
const BODY_BYTES = 64 * MIB;
const folder = new CertificateFolder();
const [blog, shop] = [folder.make("blog", ["blog.test", "*.blog.test"]), folder.make("shop", ["shop.test"])];
const edge = sharedEdge();
const open: TLSSocket[] = [];
afterAll(() => {
  for (const socket of open) socket.destroy();
  folder.remove();
});

function wayOf(options: WayOptions = {}): Promise<Way> {
  return edge.way({ listen: { address: "127.0.0.1", port: freePort(), protocol: "http", tls: [blog, shop] }, ...options });
}

async function secure({ port }: { port: number }, servername?: string): Promise<TLSSocket> {
  const raw = connectPlain({ port, host: "127.0.0.1", allowHalfOpen: true });
  // Not in the types of `connect`, but in what it does.
  const options = Object.assign({ socket: raw, rejectUnauthorized: false, ...(servername && { servername }) }, { allowHalfOpen: true });
  const socket = connect(options);
  open.push(socket);
  await once(socket, "secureConnect");
  return socket;
}

async function say(way: Way, bytes: string | Uint8Array): Promise<Peer> {
  const peer = new Peer(await secure(way));
  peer.write(bytes);
  return peer;
}

async function subject(way: Way, servername?: string): Promise<unknown> {
  const socket = await secure(way, servername);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

describe("certificates", () => {
  test("are chosen by name", async () => {
    await using way = await wayOf();
    for (const [name, expected] of [
      ["blog.test", "blog.test"],
      ["www.blog.test", "blog.test"],
      ["shop.test", "shop.test"],
      ["x.test", "blog.test"],
      [undefined, "blog.test"],
    ])
      expect(await subject(way, name)).toBe(expected as string);
  });

  test("that are replaced on disk are used from then on; connections go on, and a broken pair changes nothing", async () => {
    const files = folder.make("renewed", ["first.test"]);
    await using way = await wayOf({ listen: { address: "127.0.0.1", port: freePort(), protocol: "http", tls: [files] } });
    const kept = await say(way, request());
    way.target.answerAll(answer("one"));
    await kept.until("one");
    const fresh = folder.make("fresh", ["second.test"]);
    // For a moment the pair does not fit together: nobody may see that.
    copyFileSync(fresh.key, files.key);
    copyFileSync(fresh.cert, files.cert);
    await until("the new certificate", async () => (await subject(way)) === "second.test", 8_000);
    kept.write(request("GET /2 HTTP/1.1"));
    await kept.until(answer("one") + answer("one"));
  });
});

describe("HTTP behind TLS", () => {
  test("the target learns that it was https, and everything else is as without", async () => {
    await using way = await wayOf();
    const client = await say(way, request());
    const target = await way.target.next();
    expect(withoutIds(target.text)).toBe(forwarded().replace("Proto: http", "Proto: https"));
    target.write(answer("one"));
    expect(await client.until("one")).toBe(answer("one"));
  });

  test("requests in one record, bodies and trailers keep their order", async () => {
    await using way = await wayOf();
    const chunks = "3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n";
    const client = await say(way, `${request("POST /1 HTTP/1.1", "Transfer-Encoding: chunked")}${chunks}${request("GET /2 HTTP/1.1")}`);
    const target = await way.target.next();
    expect(await target.until("9\r\n\r\n")).toEndWith(chunks);
    const first = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
    target.write(first);
    await target.until("GET /2");
    target.write(answer("two"));
    expect(await client.until("two")).toBe(first + answer("two"));
  });

  for (const [what, begun] of [
    ["of a length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"],
    ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ["that ends with the connection", "HTTP/1.1 200 OK\r\n\r\nhello"],
  ] as const) {
    test(`an answer ${what} that is cut does not end with a goodbye of TLS`, async () => {
      await using way = await wayOf();
      const client = await say(way, request());
      const target = await way.target.next();
      target.write(begun);
      await client.until("hello");
      target.reset();
      await client.until((peer) => peer.closed || peer.ended);
      expect(client.error).toBe("ECONNRESET");
    });
  }

  test("a half-close after the request: the answer arrives, then a clean end", async () => {
    await using way = await wayOf();
    const client = await say(way, request());
    client.end();
    const target = await way.target.next();
    target.write(answer("a".repeat(500_000)));
    expect((await client.untilEnd()).length).toBeGreaterThan(500_000);
  });

  test("a client that vanishes, in mid-upload or before the answer, takes its request away from the target", async () => {
    for (const bytes of [`${request("POST / HTTP/1.1", "Content-Length: 10")}hello`, request()]) {
      await using way = await wayOf();
      const client = await say(way, bytes);
      const target = await way.target.next();
      client.reset();
      await target.untilReset();
      expect((await way.records())[0]).toMatchObject({ status: 499 });
    }
  });

  test("an answer before the end of the upload arrives whole", async () => {
    await using way = await wayOf();
    const client = await say(way, request("POST / HTTP/1.1", "Content-Length: 100000000"));
    client.write(Buffer.alloc(3_000_000));
    (await way.target.next()).write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    expect(await client.untilEnd()).toEndWith("\r\n\r\nbig");
  });

  test("what is no TLS gets no answer and hurts nobody", async () => {
    await using way = await wayOf();
    const plain = way.ask();
    await plain.until((peer) => peer.closed || peer.ended);
    expect(plain.text).not.toContain("HTTP/1.1 2");
    expect(way.target.connections.length).toBe(0);
    expect(await subject(way)).toBe("blog.test");
  });

  test("a WebSocket that is cut is told 1001", async () => {
    await using way = await wayOf({ targets: 1 });
    const client = await say(way, handshake());
    const target = await way.target.next();
    target.write(accepted());
    await client.until("\r\n\r\n");
    client.text = "";
    await way.put({ targets: [draining(way.target, 100)] });
    expect(await edge.control.drained(way.target.id)).toEqual({ cut: 1 });
    expect(await client.untilEnd()).toBe(bytesOf(closeFrame(1001)));
    await target.untilReset();
    await way.put({ targets: [active(way.target)] });
  });
});

describe("big bodies behind TLS", () => {
  test("a client that reads late: the target waits, memory is flat, and every byte arrives", async () => {
    await using way = await wayOf();
    const client = await say(way, request());
    client.quiet = true;
    const target = await way.target.next();
    target.write(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`);
    await client.until((peer) => peer.bytes > 0);
    client.socket.pause();
    const memory = new Memory(edge.worker);
    for (let n = 0; n < BODY_BYTES / MIB; n++) target.write(Buffer.alloc(MIB));
    const waiting = await still("the target", () => target.socket.writableLength);
    memory.say(`TLS, a stuck client, ${Math.round(waiting / MIB)} of ${BODY_BYTES / MIB} MiB wait at the target`);
    expect(waiting).toBeGreaterThan(BODY_BYTES / 2);
    expect(memory.peakGrowth).toBeLessThan(48 * MIB);
    client.socket.resume();
    await client.until((peer) => peer.bytes >= BODY_BYTES);
  });

  for (const early of [false, true]) {
    test(`a target that reads late${early ? ", with an answer begun" : ""}: the client waits, memory is flat, and every byte arrives`, async () => {
      await using way = await wayOf();
      const client = await say(way, request("POST / HTTP/1.1", `Content-Length: ${BODY_BYTES}`));
      const target = await way.target.next();
      target.quiet = true;
      target.bytes = 0;
      target.socket.pause();
      if (early) target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      if (early) await client.until("\r\n\r\n");
      const memory = new Memory(edge.worker);
      for (let n = 0; n < BODY_BYTES / MIB; n++) client.write(Buffer.alloc(MIB));
      const waiting = await still("the client", () => client.socket.writableLength);
      memory.say(`TLS, a stuck target, ${Math.round(waiting / MIB)} of ${BODY_BYTES / MIB} MiB wait at the client`);
      expect(waiting).toBeGreaterThan(BODY_BYTES / 2);
      expect(memory.peakGrowth).toBeLessThan(48 * MIB);
      target.socket.resume();
      await target.until((peer) => peer.bytes >= BODY_BYTES);
    });
  }
});
