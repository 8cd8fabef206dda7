import { z } from "zod";
import { OrcoError } from "../kernel/errors.ts";
import type { ExecRun } from "../supervise/runtime.ts";
import { callerOf } from "./caller.ts";
import type { Ctx } from "./context.ts";
import { type Site, endpoint, json } from "./endpoint.ts";
import { ExecBody, flag, none, serviceName, stackName, TerminalBody } from "./schemas.ts";

const PATH = "/stacks/{name}/services/{service}/exec";
const EXEC_STREAM = "application/vnd.orco.exec";
const MAX_INPUT_BYTES = 1024 * 1024;

const target = z.strictObject({ name: stackName, service: serviceName });
const session = z.strictObject({ ...target.shape, id: z.string().min(1).max(100) });

/** Commands beside the instances of services. Before the routes of stacks: `exec` is no action of theirs. */
export function execRoutes(site: Site): void {
  startRoute(site);
  inputRoute(site);
  resizeRoute(site);
}

function startRoute(site: Site): void {
  const { services, execs } = site.deps;
  const stream = {
    description: "Its output in frames, then how it ended; leaving it ends the command",
    content: { [EXEC_STREAM]: "Text" } as const,
  };
  const exec = { path: PATH, id: "exec", summary: "Run a command beside an instance", body: { schema: ExecBody, required: true } };
  endpoint(site, { method: "post", params: target, query: none, ...exec, answers: { 200: stream } }, async (c, { params, body }) => {
    if (body.kind !== "json") throw new OrcoError("invalid", "a body is needed");
    const { replica, ...wanted } = body.value;
    const at = { stack: params.name, service: params.service, ...(replica !== undefined && { replica }) };
    const started = await services.execs.start(at, runOf(wanted), callerOf(c));
    c.env.hold();
    c.set("streaming", true);
    const headers = { "content-type": EXEC_STREAM, "x-accel-buffering": "no" };
    return new Response(execs.start(started, c.req.path), { headers });
  });
}

function runOf({ command, env, user, workdir, tty }: Omit<z.infer<typeof ExecBody>, "replica">): ExecRun {
  return {
    argv: command,
    ...(env && { env }),
    ...(user !== undefined && { user }),
    ...(workdir !== undefined && { cwd: workdir }),
    ...(tty && { tty }),
  };
}

function inputRoute(site: Site): void {
  const { execs } = site.deps;
  const query = z.strictObject({
    offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).describe("of its first byte in the whole input"),
    end: flag.optional().describe("nothing follows"),
  });
  const answers = { 200: json("It was taken; ok: false when the command reads no more", "Done") };
  const input = {
    path: `${PATH}/{id}/input`,
    id: "execInput",
    summary: "What the command reads, 1 MiB at most at once",
    answers,
    raw: true,
  };
  endpoint(site, { method: "post", params: session, query, ...input }, async (c, { query: { offset, end } }) => {
    const exec = execs.exec(c.req.path);
    c.env.hold();
    const ok = await execs.write(c.req.path, await bytesOf(c), offset);
    if (end) exec.end();
    return c.json({ ok });
  });
}

function resizeRoute(site: Site): void {
  const { execs } = site.deps;
  const answers = { 200: json("Done", "Done") };
  const body = { schema: TerminalBody, required: true };
  const resize = { path: `${PATH}/{id}/resize`, id: "execResize", summary: "The size of its terminal", body, answers };
  endpoint(site, { method: "post", params: session, query: none, ...resize }, (c, { body: size }) => {
    if (size.kind === "json") execs.exec(c.req.path).resize(size.value);
    return c.json({ ok: true });
  });
}

/** A type that no form of a browser can send. */
async function bytesOf(c: Ctx): Promise<Uint8Array> {
  const announced = Number(c.req.header("content-length") ?? 0);
  if (c.req.header("transfer-encoding") !== undefined) throw new OrcoError("invalid", "input needs a Content-Length");
  if (announced === 0) return new Uint8Array();
  if (c.req.header("content-type") !== "application/octet-stream")
    throw new OrcoError("unsupported_media_type", "input is sent as application/octet-stream", { accepted: ["application/octet-stream"] });
  if (announced > MAX_INPUT_BYTES)
    throw new OrcoError("too_large", `at most ${MAX_INPUT_BYTES} bytes of input are taken at once`, { max_bytes: MAX_INPUT_BYTES });
  return c.req.raw.bytes();
}
