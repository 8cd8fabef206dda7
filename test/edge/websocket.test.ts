import { describe, expect, test } from "bun:test";
import { until } from "../until.ts";
import { Memory, still } from "./flow.ts";
import { ADDED, active, answer, draining, request, sharedEdge, type Way, withoutIds } from "./rig.ts";
import { accepted, BINARY, bytesOf, type Chat, closeFrame, CONTINUATION, frame, handshake, PING, PONG, TEXT } from "./websocket-peer.ts";

const MIB = 2 ** 20;
const edge = sharedEdge();
const masked = { masked: true };

async function chat(way: Way, ...lines: string[]): Promise<Chat> {
  const client = way.say(handshake(...lines));
  const target = await way.target.next();
  target.write(accepted());
  await client.until("\r\n\r\n");
  client.text = "";
  target.text = "";
  return { client, target };
}

describe("the handshake", () => {
  test("goes on as it came, and so does the answer: subprotocol, extensions, key", async () => {
    await using way = await edge.way();
    const lines = [
      "Sec-WebSocket-Protocol: chat, superchat",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
      "Origin: http://a.example",
    ];
    const client = way.say(handshake(...lines));
    const target = await way.target.next();
    const sent = handshake(...lines).replace("Connection: Upgrade\r\n", "");
    expect(withoutIds(target.text)).toBe(sent.replace("\r\n\r\n", `\r\nConnection: Upgrade\r\n${ADDED.join("\r\n")}\r\n\r\n`));
    const reply = [
      "Sec-WebSocket-Protocol: superchat",
      "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
      "Set-Cookie: a=b",
    ];
    target.write(accepted(...reply));
    const expected = accepted(...reply)
      .replace("Connection: Upgrade\r\n", "")
      .replace(/\r\n\r\n$/, "\r\nConnection: Upgrade\r\n\r\n");
    expect(await client.until("\r\n\r\n")).toBe(expected);
    // What the extension means is between the two: a frame with RSV1 passes.
    const deflated = frame(TEXT, "\xf2H\xcd\xc9\xc9\x07\x00", { reserved: 4 });
    target.write(deflated);
    expect(await client.until((peer) => peer.text.length === expected.length + deflated.length)).toBe(expected + bytesOf(deflated));
  });

  test("as browsers write it: keep-alive beside Upgrade, any case", async () => {
    await using way = await edge.way();
    const client = way.say(
      handshake().replace("Connection: Upgrade", "connection: keep-alive, upgrade").replace("Upgrade: websocket", "Upgrade: WebSocket"),
    );
    const target = await way.target.next();
    expect(target.text).toContain("\r\nUpgrade: WebSocket\r\n");
    expect(target.text).toContain("\r\nConnection: Upgrade\r\n");
    target.write(accepted());
    expect(await client.until("\r\n\r\n")).toStartWith("HTTP/1.1 101 Switching Protocols\r\n");
  });

  test("refused by the target: the client gets the refusal, and the connection is HTTP as before", async () => {
    await using way = await edge.way();
    const client = way.say(handshake());
    const target = await way.target.next();
    const refusal = "HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nContent-Length: 2\r\n\r\nno";
    target.write(refusal);
    expect(await client.until("no")).toBe(refusal);
    client.write(request("GET /next HTTP/1.1"));
    await target.until("/next");
    target.write(answer("next"));
    expect(await client.until("next")).toBe(refusal + answer("next"));
  });

  test("of another version: 426 with its Upgrade header reaches the client", async () => {
    await using way = await edge.way();
    const client = way.say(handshake().replace("Version: 13", "Version: 8"));
    (await way.target.next()).write(
      "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n",
    );
    expect(await client.until("\r\n\r\n")).toBe(
      "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nConnection: Upgrade\r\n\r\n",
    );
  });

  test("frames that come with the handshake, on either side, are not lost", async () => {
    await using way = await edge.way();
    const first = frame(TEXT, "early", masked);
    const client = way.say(Buffer.concat([Buffer.from(handshake()), first]));
    const target = await way.target.next();
    target.write(Buffer.concat([Buffer.from(accepted()), frame(TEXT, "hello")]));
    await client.until(bytesOf(frame(TEXT, "hello")));
    await target.until(bytesOf(first));
  });

  test("with HTTP/2 in its Upgrade is not passed on: behind it requests could not be seen", async () => {
    await using way = await edge.way();
    const client = way.ask(
      "GET / HTTP/1.1",
      "Connection: Upgrade, HTTP2-Settings",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    );
    const target = await way.target.next();
    expect(target.text).not.toMatch(/upgrade|http2/i);
    target.write(answer("one"));
    expect(await client.until("one")).toBe(answer("one"));
  });
});

describe("frames pass byte for byte", () => {
  test("payloads of every length that changes their header, in both directions", async () => {
    await using way = await edge.way();
    const { client, target } = await chat(way);
    for (const length of [0, 1, 125, 126, 127, 128, 65_535, 65_536]) {
      const [up, down] = [frame(TEXT, "*".repeat(length), masked), frame(BINARY, Buffer.alloc(length, 0xfe))];
      client.write(up);
      target.write(down);
      expect(await target.until((peer) => peer.text.length >= up.length)).toBe(bytesOf(up));
      expect(await client.until((peer) => peer.text.length >= down.length)).toBe(bytesOf(down));
      [client.text, target.text] = ["", ""];
    }
  });

  test("fragments with pings between them, cut anywhere", async () => {
    await using way = await edge.way();
    const { client, target } = await chat(way);
    const frames = [
      frame(TEXT, "frag", { fin: false, masked: true }),
      frame(PING, "are you there", masked),
      frame(CONTINUATION, "", { fin: false, masked: true }),
      frame(CONTINUATION, "ment", masked),
      frame(PONG, "unasked", masked),
    ];
    const all = Buffer.concat(frames);
    for (const byte of all) client.write(Buffer.of(byte));
    expect(await target.until((peer) => peer.text.length >= all.length)).toBe(bytesOf(all));
    for (const byte of all) target.write(Buffer.of(byte));
    expect(await client.until((peer) => peer.text.length >= all.length)).toBe(bytesOf(all));
  });

  test("what is wrong with them is for the peers to say: reserved bits, opcodes, text that is no UTF-8, lengths without end", async () => {
    for (const wrong of [
      frame(3, "x", { masked: true, reserved: 7 }),
      frame(TEXT, Buffer.from([0xce, 0xba, 0xed, 0xa0, 0x80]), masked),
      frame(PING, "a".repeat(126), masked),
      Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ]) {
      await using way = await edge.way();
      const { client, target } = await chat(way);
      client.write(wrong);
      expect(await target.until((peer) => peer.text.length >= wrong.length)).toBe(bytesOf(wrong));
      target.write(closeFrame(1002));
      target.end();
      expect(await client.untilEnd()).toBe(bytesOf(closeFrame(1002)));
    }
  });

  test("messages of 16 MiB, whole and in 64 fragments, in both directions", async () => {
    await using way = await edge.way();
    const { client, target } = await chat(way);
    const memory = new Memory(edge.worker);
    const piece = Buffer.alloc(16 * MIB, "sixteen mebibytes ");
    const fragments = Array.from({ length: 64 }, (_, n) =>
      frame(n === 0 ? BINARY : CONTINUATION, piece.subarray(0, MIB / 4), { fin: n === 63, masked: true }),
    );
    for (const message of [frame(BINARY, piece), Buffer.concat(fragments)]) {
      [client.text, target.text] = ["", ""];
      client.write(message);
      target.write(message);
      await Promise.all([client, target].map((peer) => peer.until(({ text }) => text.length >= message.length)));
      for (const { text } of [client, target]) expect(Buffer.from(text, "latin1").equals(message)).toBe(true);
    }
    memory.say("messages of 16 MiB");
    expect(memory.peakGrowth).toBeLessThan(64 * MIB);
  });
});

describe("the end of a WebSocket", () => {
  for (const [code, reason] of [
    [1000, "bye"],
    [1009, ""],
    [3000, "own"],
    [4999, "\u00fc".repeat(61)],
    [1005, "never on the wire"],
  ] as const) {
    test(`close ${code} passes both ways, then the ends`, async () => {
      await using way = await edge.way();
      const { client, target } = await chat(way);
      client.write(closeFrame(code, reason, masked));
      await target.until((peer) => peer.text.length >= closeFrame(code, reason, masked).length);
      target.write(closeFrame(code, reason));
      target.end();
      expect(await client.untilEnd()).toBe(bytesOf(closeFrame(code, reason)));
      client.end();
      await target.untilEnd();
      expect(await way.metric("orco_edge_requests_total", { code: "101" })).toBe(1);
    });
  }

  test("without Close: an end is an end, a reset is a reset, from either side", async () => {
    for (const [from, to] of [
      ["client", "target"],
      ["target", "client"],
    ] as const) {
      await using way = await edge.way();
      const ended = await chat(way);
      ended[from].write(frame(TEXT, "last", { masked: from === "client" }));
      ended[from].end();
      expect((await ended[to].untilEnd()).length).toBeGreaterThan(5);
      const broken = await chat(way);
      broken[from].reset();
      await broken[to].untilReset();
    }
  });

  test("at the end of the drain time the client is told 1001, between two frames; in the middle of one it is reset", async () => {
    await using way = await edge.way({ targets: 2 });
    await way.put({ targets: [active(way.target)] });
    const [idle, between, within] = [await chat(way), await chat(way), await chat(way)];
    between.target.write(frame(TEXT, "whole"));
    within.target.write(frame(TEXT, "not whole").subarray(0, 5));
    await between.client.until("whole");
    await within.client.until("not");
    const [old, fresh] = way.targets.map(active);
    await way.put({ targets: [draining(old ?? way.target, 200), ...(fresh ? [fresh] : [])] });
    expect(await edge.control.drained(way.target.id)).toEqual({ cut: 3 });
    expect(await idle.client.untilEnd()).toBe(bytesOf(closeFrame(1001)));
    expect(await between.client.untilEnd()).toBe(bytesOf(frame(TEXT, "whole"), closeFrame(1001)));
    await within.client.untilReset();
    for (const { target } of [idle, between, within]) await target.untilReset();
  });

  test("one that ends within the drain time is not cut", async () => {
    await using way = await edge.way({ targets: 1 });
    const { client, target } = await chat(way);
    await way.put({ targets: [draining(way.target)] });
    const drained = edge.control.drained(way.target.id);
    client.write(frame(TEXT, "still here", masked));
    await target.until((peer) => peer.text.length > 10);
    target.write(closeFrame(1000));
    target.end();
    await client.untilEnd();
    client.end();
    expect(await drained).toEqual({ cut: 0 });
  });
});

describe("backpressure", () => {
  for (const [from, to] of [
    ["client", "target"],
    ["target", "client"],
  ] as const) {
    test(`a ${to} that does not read stops the ${from}; memory is flat, and then all of it arrives`, async () => {
      await using way = await edge.way();
      const ends = await chat(way);
      const memory = new Memory(edge.worker);
      ends[to].socket.pause();
      ends[to].quiet = true;
      ends[to].bytes = 0;
      const message = frame(BINARY, Buffer.alloc(MIB), { masked: from === "client" });
      for (let n = 0; n < 64; n++) ends[from].write(message);
      const waiting = await still(`the ${from}`, () => ends[from].socket.writableLength);
      memory.say(`a stuck ${to}, ${Math.round(waiting / MIB)} of 64 MiB wait at the ${from}`);
      expect(waiting).toBeGreaterThan(32 * MIB);
      expect(memory.peakGrowth).toBeLessThan(24 * MIB);
      ends[to].socket.resume();
      await ends[to].until(({ bytes }) => bytes === 64 * message.length);
    });
  }
});

test("500 WebSockets at once: each has its own bytes, and nothing is left of them", async () => {
  await using way = await edge.way();
  const memory = new Memory(edge.worker);
  way.target.answerAll(accepted());
  const clients = Array.from({ length: 500 }, () => way.say(handshake()));
  await Promise.all(clients.map((client) => client.until("\r\n\r\n")));
  memory.say("500 WebSockets");
  expect(await way.metric("orco_edge_inflight")).toBe(500);
  for (const target of way.target.connections) target.socket.on("data", (bytes: Buffer) => target.write(bytes));
  for (const [n, client] of clients.entries()) {
    client.text = "";
    client.write(frame(TEXT, `client ${n}`));
  }
  for (const [n, client] of clients.entries()) {
    expect(await client.until((peer) => peer.text.length > 9)).toBe(bytesOf(frame(TEXT, `client ${n}`)));
    client.reset();
  }
  await until("all to be gone", async () => (await way.metric("orco_edge_connections")) === 0);
  expect(await way.metric("orco_edge_inflight")).toBe(0);
});
