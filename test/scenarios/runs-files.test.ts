import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Fields, messagesIn, type Reply, runsRig, sh } from "./runs-rig.ts";

const rig = runsRig();
const MIB = 1024 * 1024;

function put(run: string, name: string, raw: string | Uint8Array | ReadableStream<Uint8Array>): Promise<Reply> {
  return rig.ask(`/runs/${run}/artifacts/${name}`, { method: "POST", raw, headers: { "content-type": "application/octet-stream" } });
}

describe("artifacts", () => {
  test("are kept as they are, by name, with their hash; also of a run that has ended, and after a crash", async () => {
    const id = await rig.create({});
    const bytes = new Uint8Array(300_000).map((_, at) => (at * 7919) >> 3);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const stored = await put(id, "model.bin", bytes);
    expect(stored.status).toBe(201);
    expect(stored.body).toMatchObject({ name: "model.bin", size: bytes.length, sha256 });
    await rig.delete(`/runs/${id}`);
    expect((await put(id, "A-1_b.txt", "late")).status).toBe(201);
    await rig.again();
    const got = await fetch(`${rig.url}/runs/${id}/artifacts/model.bin`);
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes);
    expect(got.headers.get("etag")).toBe(`"${sha256}"`);
    expect(got.headers.get("content-disposition")).toContain("attachment");
    expect(got.headers.get("x-content-type-options")).toBe("nosniff");
    const head = await fetch(`${rig.url}/runs/${id}/artifacts/model.bin`, { method: "HEAD" });
    expect([head.status, head.headers.get("etag"), head.headers.get("content-length"), await head.text()]).toEqual([
      200,
      `"${sha256}"`,
      String(bytes.length),
      "",
    ]);
    const { body } = await rig.get(`/runs/${id}/artifacts`);
    expect(body["runId"]).toBe(id);
    expect((body["artifacts"] as { name: string }[]).map(({ name }) => name)).toEqual(["A-1_b.txt", "model.bin"]);
    expect((await put(id, "model.bin", "new")).status).toBe(201);
    expect((await rig.get(`/runs/${id}/artifacts/model.bin`)).text).toBe("new");
    expect((await put(id, "empty", "")).status).toBe(201);
  });

  test("that the reader has are not sent again", async () => {
    const id = await rig.create({});
    const { body } = await put(id, "a", "bytes");
    const etag = `"${String(body["sha256"])}"`;
    for (const sent of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
      const answer = await fetch(`${rig.url}/runs/${id}/artifacts/a`, { headers: { "if-none-match": sent } });
      expect([sent, answer.status, await answer.text(), answer.headers.get("etag")]).toEqual([sent, 304, "", etag]);
    }
    expect((await fetch(`${rig.url}/runs/${id}/artifacts/a`, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  });

  test("have names that lead nowhere else", async () => {
    const id = await rig.create({});
    const names = [
      "..",
      ".",
      ".hidden",
      "a%2Fb",
      "..%2f..%2forco.db",
      "%2e%2e%2fx",
      "a%00b",
      "a%0Ab",
      "a b",
      "ä",
      "x".repeat(129),
      "a%5Cb",
      "-a",
    ];
    for (const name of names) {
      const { status } = await put(id, name, "x");
      expect([name, status >= 400 && status < 500]).toEqual([name, true]);
      expect((await rig.get(`/runs/${id}/artifacts/${name}`)).status).not.toBe(500);
    }
    for (const run of ["..", "%2e%2e", "..%2f", ".uploads"]) expect((await put(run, "x", "x")).status).toBe(404);
    expect((await rig.get(`/runs/${id}/artifacts/orco.db`)).status).toBe(404);
    expect((await rig.get(`/runs/${id}/artifacts`)).body["artifacts"]).toEqual([]);
  });

  test("have 64 MiB at most, also when nobody says how much comes", async () => {
    const id = await rig.create({});
    const whole = await put(id, "whole", new Uint8Array(64 * MIB));
    expect(whole.body).toMatchObject({ size: 64 * MIB });
    expect((await put(id, "more", new Uint8Array(64 * MIB + 1))).status).toBe(413);
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += MIB;
        if (sent > 70 * MIB) controller.close();
        else controller.enqueue(new Uint8Array(MIB));
      },
    });
    expect((await put(id, "chunked", endless)).body["code"]).toBe("too_large");
    expect(((await rig.get(`/runs/${id}/artifacts`)).body["artifacts"] as Fields[]).length).toBe(1);
    expect(existsSync(join(rig.home, "artifacts", ".uploads")) ? readdirSync(join(rig.home, "artifacts", ".uploads")) : []).toEqual([]);
  });

  test("of a step of this machine", async () => {
    const post = `const { ORCO_API_URL: url, ORCO_RUN_ID: run, ORCO_RUN_TOKEN: token, ORCO_STEP_ID: step } = process.env;
      const headers = { "x-run-token": token, "content-type": "application/octet-stream" };
      const answer = await fetch(url + "/runs/" + run + "/artifacts/out.txt", { method: "POST", headers, body: "made " + step });
      process.exit(answer.status === 201 ? 0 : 1);`;
    const { run } = await rig.through([{ id: "a", command: [process.execPath, "-e", post] }]);
    expect(run.status).toBe("completed");
    expect((await rig.get(`/runs/${run.id}/artifacts/out.txt`)).text).toBe("made a");
  });
});

describe("logs", () => {
  const script = 'for i in 1 2 3 4 5; do echo out $i; done; echo bad >&2; echo \'{"type":"log","level":"error","message":"worse"}\'';

  test("by step, tail, level, grep, after; each line once, numbered", async () => {
    const { run } = await rig.through([sh("a", script), sh("b", "echo other", { needs: ["a"] })]);
    const read = (query = "") => rig.get(`/runs/${run.id}/logs${query}`);
    const all = await read();
    expect(all.headers.get("content-type")).toContain("application/x-ndjson");
    const records = all.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { seq: number; timestamp: string; step: string });
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, at) => at + 1));
    expect(records.every(({ timestamp }) => /^\d{4}-.*\.\d{3}Z$/.test(timestamp))).toBe(true);
    expect(messagesIn(await read("?step=b"))).toEqual(["other"]);
    expect(messagesIn(await read("?tail=2"))).toEqual(messagesIn(all).slice(-2));
    expect(messagesIn(await read("?tail=0"))).toEqual([]);
    expect(messagesIn(await read("?step=a&tail=1&grep=out"))).toEqual(["out 5"]);
    expect(messagesIn(await read("?level=error"))).toEqual(["worse"]);
    expect(messagesIn(await read("?grep=out%20%5B12%5D"))).toEqual(["out 1", "out 2"]);
    expect(messagesIn(await read(`?after=${records.length - 1}`))).toEqual(["other"]);
    expect(messagesIn(await read(`?since=${Date.now() + 60_000}`))).toEqual([]);
    expect(messagesIn(await read("?step=nobody"))).toEqual([]);
    for (const query of ["?tail=-1", "?tail=x", "?grep=(", "?level=loud", "?since=now", "?follow=maybe", "?setp=a"])
      expect([query, (await read(query)).status]).toEqual([query, 400]);
    expect((await rig.ask(`/runs/${run.id}/logs`, { method: "HEAD" })).status).toBe(200);
    await rig.again();
    expect((await read()).text).toBe(all.text);
  });

  test("followed end with the run", async () => {
    const go = join(rig.dir, "go");
    const id = await rig.plan([sh("a", `echo first; while [ ! -e ${go} ]; do sleep 0.02; done; echo last`)]);
    const following = rig.get(`/runs/${id}/logs?follow=true`);
    const quiet = rig.get(`/runs/${id}/logs?follow=1&step=nobody`);
    await rig.stepWhen(id, "a", "running");
    await Bun.write(go, "");
    expect(messagesIn(await following)).toEqual(["first", "last"]);
    expect(messagesIn(await quiet)).toEqual([]);
    expect((await rig.run(id)).status).toBe("completed");
    expect(messagesIn(await rig.get(`/runs/${id}/logs?follow=true`))).toEqual(["first", "last"]);
  });

  test("with a line of 20 MB are read to the end, in records of 64 KiB", async () => {
    const bytes = 20_000_000;
    const { run } = await rig.through([sh("a", `echo first; head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo last`)]);
    expect(run.status).toBe("completed");
    const answer = await fetch(`${rig.url}/runs/${run.id}/logs`);
    const messages: string[] = [];
    let rest = "";
    for await (const chunk of answer.body ?? []) {
      await new Promise(setImmediate); // a reader that is slower than the disk
      const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line !== "") messages.push((JSON.parse(line) as { message: string }).message);
    }
    expect([messages[0], messages.at(-1), rest]).toEqual(["first", "last", ""]);
    const pieces = messages.slice(1, -1);
    expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(bytes);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBe(64 * 1024);
  });

  test("say once what is wrong with a line that looks like a message", async () => {
    const bad = '{"type":"outputs","data":{"a":1}}';
    const { run } = await rig.through([sh("a", `echo '${bad}'; echo '${bad}'; echo '{"type":"output","data":[1]}'`)]);
    const said = messagesIn(await rig.get(`/runs/${run.id}/logs`));
    expect(said.filter((message) => message === bad)).toHaveLength(2);
    expect(said.filter((message) => message.includes("looks like a message"))).toEqual([
      'a line of stdout looks like a message and was taken as text: "type":"outputs" is not known; did you mean "output"? (said once)',
    ]);
  });

  test("of a run without any are empty", async () => {
    const id = await rig.create({});
    expect(messagesIn(await rig.get(`/runs/${id}/logs`))).toEqual([]);
  });
});
