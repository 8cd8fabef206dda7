import type { ModelView } from "../inference/catalog/model.ts";
import type { NodeView } from "../inference/nodes/node.ts";
import type { PoolView } from "../inference/pools/pool.ts";
import type { Accepted, TaskView } from "../inference/tasks/task.ts";
import { formatSpan } from "../kernel/duration.ts";
import { oneLine } from "../terminal/sanitize.ts";
import { formatBytes } from "../terminal/table.ts";

type Rows = readonly (readonly string[])[];

export function modelRows(models: readonly ModelView[]): Rows {
  return [["MODEL", "STATE", "FILE", "SIZE", "VERIFIED", "MESSAGE"], ...models.map(modelRow)];
}

function modelRow({ id, state, fetch, verification, size_bytes: size }: ModelView): string[] {
  const said = fetch.error ?? verification.detail ?? "";
  return [
    oneLine(id),
    state,
    fetch.status === "fetching" ? `fetching ${share(fetch.bytes_done, fetch.bytes_total)}` : fetch.status,
    size === undefined ? "-" : formatBytes(size),
    verification.status === "verifying" ? `verifying ${share(verification.bytes_done, verification.bytes_total)}` : verification.status,
    oneLine(said),
  ];
}

/** `40%`; bytes while nobody knows of how many. */
export function share(done: number, total: number | null): string {
  return total === null || total === 0 ? formatBytes(done) : `${Math.floor((100 * done) / total)}%`;
}

export function poolRows(pools: readonly PoolView[]): Rows {
  return [["POOL", "ENGINE", "SOURCE", "READY", "FREE", "WAITING", "MODELS", "MESSAGE"], ...pools.map(poolRow)];
}

function poolRow(pool: PoolView): string[] {
  const trouble = pool.last_error ?? pool.replicas.find(({ last_error: error }) => error !== undefined)?.last_error;
  return [
    oneLine(pool.id),
    pool.engine,
    pool.source,
    pool.draining ? "draining" : String(pool.ready),
    `${pool.slots_free}/${pool.slots_total}`,
    String(pool.queue_depth),
    oneLine(pool.models.join(",")) || "-",
    oneLine(trouble ?? ""),
  ];
}

export function nodeRows(nodes: readonly NodeView[], nowMs: number): Rows {
  return [["NODE", "STATUS", "ADDRESS", "HEARD", "POOLS", "GPUS"], ...nodes.map((node) => nodeRow(node, nowMs))];
}

function nodeRow(node: NodeView, nowMs: number): string[] {
  const { gpus } = node.capabilities;
  return [
    oneLine(node.node_id),
    node.status,
    oneLine(node.address),
    `${formatSpan(Math.max(0, nowMs - Date.parse(node.last_heartbeat_at)))} ago`,
    oneLine(node.pools.map(({ pool_id: pool }) => pool).join(",")) || "-",
    oneLine(gpus.map(({ name, vram_total_bytes: vram }) => `${name} ${formatBytes(vram)}`).join(", ")) || "-",
  ];
}

export function taskRows(tasks: readonly TaskView[], nowMs: number): Rows {
  return [["TASK", "STATE", "MODEL", "POOL", "PRIORITY", "TOKENS", "AGE", "MESSAGE"], ...tasks.map((task) => taskRow(task, nowMs))];
}

function taskRow(task: TaskView, nowMs: number): string[] {
  return [
    oneLine(task.task_id),
    task.state,
    oneLine(task.model_ref),
    oneLine(task.pool_id ?? "-"),
    task.priority,
    String(task.tokens_out),
    formatSpan(Math.max(0, nowMs - Date.parse(task.accepted_at))),
    oneLine(waitText(task) ?? task.error?.message ?? task.finish_reason ?? ""),
  ];
}

function waitText({ state, queue_position: position, predicted_start_ms: startMs }: TaskView): string | undefined {
  if (state !== "queued" || position === undefined) return undefined;
  return `behind ${position}${startMs === undefined ? "" : `, ${inAbout(startMs)}`}`;
}

/** Of a task that was accepted: `3 before it, starts in about 4 s`. */
export function waits({
  queue_position: position,
  predicted_start_ms: startMs,
}: Pick<Accepted, "queue_position" | "predicted_start_ms">): string {
  return position === 0 ? inAbout(startMs) : `${position} before it, ${inAbout(startMs)}`;
}

/** `starts in about 4 s`. */
export function inAbout(ms: number): string {
  if (ms < 1000) return "starts at once";
  return ms < 120_000 ? `starts in about ${Math.round(ms / 1000)} s` : `starts in about ${Math.round(ms / 60_000)} min`;
}
