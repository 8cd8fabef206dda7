import { afterEach, beforeEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { type InferenceServer, startInferenceServer } from "./inference.fake.ts";
import { UploadBudget } from "./upload-budget.ts";

let server: InferenceServer;
const stalled: Socket[] = [];

beforeEach(() => (server = startInferenceServer()));
afterEach(async () => {
  for (const socket of stalled.splice(0)) socket.destroy();
  await server.dispose();
});

/** Sends a head and the first bytes of a body, and no more. Resolves when the server has had them. */
async function stall(head: string): Promise<void> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  stalled.push(socket);
  const lines = ["POST /v2/tasks HTTP/1.1", "Host: localhost", "Content-Type: application/json", head, "", ""];
  await new Promise<void>((resolve) => socket.write(lines.join("\r\n"), () => resolve()));
}

test("uploads that stall keep no small body out, however large they say they are", async () => {
  for (let n = 0; n < 4; n++) await stall(`Content-Length: ${32 * 1024 * 1024}`);
  for (let n = 0; n < 4; n++) await stall("Transfer-Encoding: chunked");
  const task = { model_ref: "m", prompt: "x" };
  expect((await server.post("/v2/tasks", task)).status).toBe(202);
  const chunked = await fetch(`${server.url}/v2/tasks`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new Blob([JSON.stringify(task)]).stream(),
  });
  expect(chunked.status).toBe(202);
});

test("what is large shares one bound, and what came in pieces counts as it comes", () => {
  const budget = new UploadBudget();
  const mib = 1024 * 1024;
  const whole = budget.share();
  whole.grow(60 * mib);
  const pieces = budget.share();
  for (let n = 0; n < 4; n++) pieces.grow(mib);
  expect(() => pieces.grow(mib)).toThrow("too many uploads");
  budget.share().grow(64 * 1024);
  whole.release();
  pieces.grow(mib);
  pieces.release();
  pieces.release();
  const all = budget.share();
  all.grow(64 * mib);
  expect(() => budget.share().grow(mib)).toThrow("too many uploads");
});
