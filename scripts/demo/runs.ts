import { join } from "node:path";
import type { RunLogRecord } from "../../src/runs/logs/line.ts";
import type { RunView } from "../../src/workflow/view.ts";
import { daemonPid } from "./processes.ts";
import { orco, orcoOk, type Stage } from "./stage.ts";

const PLAN = join(import.meta.dir, "../../examples/runs/plan.yaml");
const KILL_AFTER_CHECKPOINTS = 5;

interface Seen {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

/** A plan of six steps whose daemon is killed in the midst of it; the stream goes on by Last-Event-ID. */
export async function runsAct(stage: Stage, say: (text: string) => void): Promise<void> {
  const { runId } = JSON.parse((await orcoOk(stage, "run", "submit", PLAN, "--name", "report", "--json")).stdout) as { runId: string };
  const seen: Seen[] = [];
  const enough = (): boolean => seen.filter(({ event }) => event === "checkpoint").length >= KILL_AFTER_CHECKPOINTS;
  await follow(stage, { runId, seen, until: enough });
  const daemon = daemonPid(stage.home);
  process.kill(daemon, "SIGKILL");
  const cursor = seen.at(-1)?.id;
  say(`daemon ${daemon} is dead after ${seen.length} events; the steps go on, the stream resumes behind ${cursor}`);
  await orcoOk(stage, "up", "-d", "--wait");
  await follow(stage, { runId, seen, until: () => seen.at(-1)?.event === "end" });

  const { stdout } = await orcoOk(stage, "run", "show", runId);
  say(stdout);
  const numbers = seen.flatMap(({ data }) => (typeof data["n"] === "number" ? [data["n"]] : []));
  if (numbers.some((n, at) => n !== at + 1)) throw new Error(`the stream has a gap or a duplicate: ${numbers.join(" ")}`);
  const run = JSON.parse((await orcoOk(stage, "run", "show", runId, "--json")).stdout) as RunView;
  if (run.status !== "completed") throw new Error(`the run is ${run.status}: ${run.error?.message ?? ""}`);
  const { stdout: log } = await orcoOk(stage, "run", "logs", runId, "--step", "report", "--json");
  const ledger = log
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as RunLogRecord).message)
    .slice(0, -1);
  const twice = ledger.filter((line, at) => ledger.indexOf(line) !== at);
  if (twice.length > 0) throw new Error(`executed twice: ${twice.join(", ")}`);
  const checkpoints = seen.filter(({ event }) => event === "checkpoint").map(({ data }) => data["data"]);
  if (checkpoints.some((value, at) => value !== at + 1)) throw new Error(`checkpoints: ${checkpoints.join(" ")}`);
  say(`${numbers.length} events without a gap, ${checkpoints.length} checkpoints each once; executed once each: ${ledger.join(", ")}`);
  const again = await orco(stage, "run", "cancel", runId);
  if (again.code !== 5) throw new Error(`cancelling what has completed exits with ${again.code}`);
}

/** As a browser's EventSource reads it: from the last id on, until `until` holds. */
async function follow(stage: Stage, { runId, seen, until }: { runId: string; seen: Seen[]; until: () => boolean }): Promise<void> {
  const cursor = seen.findLast(({ id }) => id !== "")?.id;
  const headers = { accept: "text/event-stream", ...(cursor !== undefined && { "last-event-id": cursor }) };
  const stop = new AbortController();
  const response = await fetch(`http://${stage.env["ORCHD_BIND_ADDR"]}/runs/${runId}/events`, { headers, signal: stop.signal });
  if (!response.ok || !response.body) throw new Error(`the stream answers ${response.status}: ${await response.text()}`);
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      take(text.slice(0, end), seen);
      text = text.slice(end + 2);
      if (until()) return stop.abort();
    }
  }
}

function take(block: string, seen: Seen[]): void {
  const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
  const { event = "", id = "", data } = fields;
  if (data === undefined || event === "hello") return;
  seen.push({ event, id, data: JSON.parse(data) as Record<string, unknown> });
}
