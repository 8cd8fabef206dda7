import { afterEach, expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { type InferenceServer, startInferenceServer } from "./inference.fake.ts";

const KEY = "correct-horse-battery-staple";
const TASK = { model_ref: "chain", prompt: "hi" };

let server: InferenceServer;
afterEach(() => server.dispose());

test("every refusal below /v2 says whether it is worth to ask again", async () => {
  server = startInferenceServer({ apiKey: KEY });
  const authorization = `Bearer ${KEY}`;
  const said = async (response: Promise<Response>): Promise<unknown[]> => {
    const { code, retriable } = (await (await response).json()) as { code: string; retriable: unknown };
    return [(await response).status, code, retriable];
  };
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    said(server.post("/v2/tasks", body, { headers: { authorization, ...headers } }));
  const refused = (error: OrcoError, headers: Record<string, string> = {}) => {
    server.tasks.refusal = error;
    return post(TASK, headers);
  };

  expect(await said(server.post("/v2/tasks", TASK))).toEqual([401, "unauthorized", false]);
  expect(await said(fetch(`${server.url}/v2/tasks`, { method: "DELETE", headers: { authorization } }))).toEqual([
    405,
    "method_not_allowed",
    false,
  ]);
  expect(await post(TASK, { "content-type": "text/plain" })).toEqual([415, "unsupported_media_type", false]);
  expect(await post({})).toEqual([400, "INVALID_PARAMS", false]);
  expect(await refused(new OrcoError("disk_full", "full"))).toEqual([507, "disk_full", true]);
  expect(await refused(new OrcoError("unavailable", "ends"))).toEqual([503, "unavailable", true]);
  expect(await refused(new OrcoError("invalid", "wrong"), { "idempotency-key": "a" })).toEqual([400, "INVALID_PARAMS", false]);
  await post(TASK, { "idempotency-key": "b" });
  expect(await post({ ...TASK, prompt: "ho" }, { "idempotency-key": "b" })).toEqual([422, "unprocessable", false]);
});
