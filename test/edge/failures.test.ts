import { describe, expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { RawTarget } from "./peer.ts";
import { active, answer, request, sharedEdge, type Way } from "./rig.ts";

const edge = sharedEdge();

/** A way whose one connection to its target has carried an answer, and idles. */
async function reused(way: Way) {
  const client = way.ask("GET /first HTTP/1.1");
  const target = await way.target.next();
  target.write(answer("first"));
  await client.until("first");
  client.text = "";
  return { client, target };
}

describe("retries", () => {
  test("a refused connection goes to another target, whatever the method and its body", async () => {
    await using way = await edge.way({ targets: 1 });
    const dead = { ...active({ id: "dead", port: freePort() }), weight: 1000 };
    await way.put({ targets: [dead, active(way.target)] });
    const client = way.ask("POST / HTTP/1.1", "Content-Length: 200000");
    client.write("a".repeat(200_000));
    const target = await way.target.next();
    await target.until((peer) => peer.text.endsWith("a".repeat(200_000)));
    target.write(answer("done"));
    await client.until("done");
    expect(await way.metric("orco_edge_retries_total")).toBe(1);
    expect((await way.records())[0]).toMatchObject({ retries: 1, status: 200, target: way.target.id });
  });

  test("when all refuse, the request waits; a target that comes within the hold time gets it", async () => {
    const port = freePort();
    await using way = await edge.way({ targets: 0, elsewhere: [{ port }] });
    const client = way.ask("POST / HTTP/1.1", "Content-Length: 2");
    client.write("ab");
    await way.whenHeld(1);
    const late = await RawTarget.listen("late", port);
    const target = await late.next();
    await target.until("ab");
    target.write(answer("done"));
    await client.until("done");
    late.close();
  });

  test("when all refuse until then, the answer is 502", async () => {
    await using way = await edge.way({ targets: 0, elsewhere: [{ port: freePort() }], holdTimeoutMs: 250 });
    expect(await way.ask().until("request_id")).toMatch(/^HTTP\/1\.1 502 [^]*X-Orco-Error: target_refused\r\n/);
  });

  for (const start of ["GET /2", "HEAD /2", "OPTIONS /2", "DELETE /2", "PUT /2"]) {
    test(`${start.split(" ")[0]} on a reused connection that was reset is sent once more, and only once`, async () => {
      await using way = await edge.way();
      const { client, target } = await reused(way);
      client.write(request(`${start} HTTP/1.1`));
      await target.until("/2");
      target.reset();
      const second = await way.target.next();
      expect(second.text).toStartWith(`${start} HTTP/1.1\r\n`);
      second.reset();
      expect(await client.until("\r\n\r\n")).toMatch(/^HTTP\/1\.1 502 [^]*X-Orco-Error: target_closed\r\n/);
      expect(way.target.connections.length).toBe(2);
    });
  }

  test("PUT brings its body along when all of it is here; of one that is not, or too big, nothing is sent twice", async () => {
    for (const [length, sent, again] of [
      [4, 4, true],
      [60_000, 60_000, true],
      [8, 4, false],
      [300_000, 300_000, false],
    ] as const) {
      await using way = await edge.way();
      const { client, target } = await reused(way);
      client.write(request("PUT /2 HTTP/1.1", `Content-Length: ${length}`));
      client.write("a".repeat(sent));
      await target.until((peer) => peer.text.endsWith(`\r\n\r\n${"a".repeat(sent)}`));
      target.reset();
      if (again) {
        const second = await way.target.next();
        await second.until((peer) => peer.text.endsWith(`\r\n\r\n${"a".repeat(length)}`));
        second.write(answer("second"));
        await client.until("second");
      } else expect(await client.until("request_id")).toContain("X-Orco-Error: target_closed");
      expect(way.target.connections.length).toBe(again ? 2 : 1);
    }
  });

  test("POST and PATCH are never sent twice", async () => {
    for (const method of ["POST", "PATCH"]) {
      await using way = await edge.way();
      const { client, target } = await reused(way);
      client.write(`${request(`${method} /2 HTTP/1.1`, "Content-Length: 2")}ab`);
      await target.until("/2");
      target.reset();
      expect(await client.until("request_id")).toContain("X-Orco-Error: target_closed");
      expect(way.target.connections.length).toBe(1);
    }
  });

  test("a new connection that is reset, or an answer that has begun, is no reason to send again", async () => {
    await using way = await edge.way();
    const fresh = way.ask();
    (await way.target.next()).reset();
    expect(await fresh.until("request_id")).toContain("X-Orco-Error: target_closed");
    const { client, target } = await reused(way);
    client.write(request("GET /2 HTTP/1.1"));
    await target.until("/2");
    target.write("H");
    await until("the byte to be sent", () => target.socket.writableLength === 0);
    target.end();
    expect(await client.until("request_id")).toContain("X-Orco-Error: target_closed");
    expect(way.target.connections.length).toBe(2);
  });
});

describe("timeouts", () => {
  test("a target that does not answer: 504, and it is told that nobody waits", async () => {
    await using way = await edge.way({ timeouts: { responseHeadersMs: 200 } });
    const client = way.ask();
    const target = await way.target.next();
    target.write("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-A");
    expect(await client.until("request_id")).toMatch(/HTTP\/1\.1 504 Gateway Timeout\r\n[^]*X-Orco-Error: response_timeout\r\n/);
    await target.untilReset();
  });

  test("a target whose body stops: the client is reset", async () => {
    await using way = await edge.way({ timeouts: { bodyIdleMs: 1_000 } });
    const client = way.ask();
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    await client.until("hello");
    await client.untilReset();
    await target.untilReset();
    expect((await way.records())[0]).toMatchObject({ error: "body_timeout" });
  });

  test("a client that stops reading its answer, or a target its request: both are reset", async () => {
    await using way = await edge.way({ timeouts: { bodyIdleMs: 200, responseHeadersMs: 200, clientMs: 200 } });
    const client = way.ask();
    client.socket.pause();
    const target = await way.target.next();
    target.write(`HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n`);
    target.write(Buffer.alloc(30_000_000));
    await target.untilReset();
    const uploading = way.ask("POST / HTTP/1.1", "Content-Length: 100000000");
    const stuck = await way.target.next();
    stuck.socket.pause();
    uploading.write(Buffer.alloc(30_000_000));
    expect(await uploading.until("request_id")).toMatch(/X-Orco-Error: (response_timeout|request_timeout)/);
    stuck.socket.resume();
    await stuck.untilReset();
  });

  test("an event stream may be silent for longer than that", async () => {
    await using way = await edge.way({ timeouts: { bodyIdleMs: 100 } });
    const client = way.ask();
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    await client.until("1\r\na");
    // Another answer that is silent as long is cut meanwhile: that much time has gone by.
    const measure = way.ask();
    (await way.target.next()).write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    await measure.untilReset();
    target.write("1\r\nb\r\n");
    await client.until("1\r\nb");
  });

  test("an answer that began early does not end because only the upload goes on", async () => {
    await using way = await edge.way({ timeouts: { bodyIdleMs: 3_000 } });
    const client = way.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked");
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    await client.until("\r\n\r\n");
    const since = performance.now();
    for (let n = 1; performance.now() - since < 7_000; n++) {
      client.write("1\r\na\r\n");
      await target.until((peer) => peer.text.split("1\r\na\r\n").length === n + 1);
    }
    target.write("0\r\n\r\n");
    client.write("0\r\n\r\n");
    await client.until("0\r\n\r\n");
  });

  test("a client whose head, or body, does not come: 408", async () => {
    for (const begun of [
      "GET / HTTP/1.1\r\nHost: a.ex",
      request("POST / HTTP/1.1", "Content-Length: 5"),
      `${request("POST / HTTP/1.1", "Content-Length: 5")}he`,
    ]) {
      await using way = await edge.way({ timeouts: { clientMs: 1_000 } });
      const client = way.say(begun);
      expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[^]*X-Orco-Error: request_timeout\r\n/);
      for (const target of way.target.connections) await target.untilReset();
    }
  });

  test("a head that drips is late as a whole, however busy it looks", async () => {
    await using way = await edge.way({ timeouts: { clientMs: 300 } });
    const client = way.say("GET / HTTP/1.1\r\nX-A: ");
    await until("the answer", () => {
      if (!client.ended) client.write("a");
      return client.ended;
    });
    expect(client.text).toContain("X-Orco-Error: request_timeout");
    expect(way.target.connections.length).toBe(0);
  });

  test("a connection that nobody accepts: 504 connect_timeout", async () => {
    // An address for documentation (RFC 5737): nothing answers there, not even a refusal. Where it has no route, that is told at once.
    await using way = await edge.way({ targets: 0, holdTimeoutMs: 100, timeouts: { connectMs: 200 } });
    await way.put({ targets: [{ ...active({ id: "nobody", port: 9 }), host: "192.0.2.1" }] });
    expect(await way.ask().until("request_id")).toMatch(/X-Orco-Error: (connect_timeout|target_refused)\r\n/);
  });
});

describe("pages of the edge", () => {
  test("are HTML for browsers and problem+json for the rest, with the code, the id, and no body for HEAD", async () => {
    await using way = await edge.way({ targets: 0, holdTimeoutMs: 0 });
    const json = await way.ask("GET / HTTP/1.1", "X-Request-Id: my-id", "Accept: */*", "Connection: close").untilEnd();
    expect(json).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(json).toContain("\r\nContent-Type: application/problem+json\r\n");
    expect(json).toContain("\r\nX-Orco-Error: no_target\r\n");
    expect(JSON.parse(json.slice(json.indexOf("\r\n\r\n")))).toMatchObject({ status: 503, code: "no_target", request_id: "my-id" });
    const html = await way.ask("GET / HTTP/1.1", "Accept: text/html,*/*;q=0.8", "Connection: close").untilEnd();
    expect(html).toContain("\r\nContent-Type: text/html; charset=utf-8\r\n");
    expect(html).toContain("<!doctype html>");
    expect(html).toContain("\r\nX-Orco-Error: no_target\r\n");
    const bare = await way.ask("HEAD / HTTP/1.1", "Connection: close").untilEnd();
    expect(bare).toEndWith("\r\n\r\n");
    expect(bare).toMatch(/Content-Length: [1-9]/);
  });

  test("leave the connection open for the next request", async () => {
    await using way = await edge.way({ targets: 0, holdTimeoutMs: 0 });
    const client = way.say(request("GET /1 HTTP/1.1") + request("GET /2 HTTP/1.1"));
    await client.until((peer) => peer.text.split("X-Orco-Error: no_target").length === 3);
    expect(client.text).not.toContain("Connection: close");
  });
});
