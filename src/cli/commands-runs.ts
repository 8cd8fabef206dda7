import type { CommandSpec } from "./command.ts";

/** Work that orco gets done (runs.md). */
export const RUN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "run",
    args: "<action> [args...]",
    summary: "submit a plan, or show, watch, cancel, retry, pause, resume, signal a run; its events, logs, checkpoints, artifacts",
    options: [
      ["--mode <mode>", "with submit: local (default), redis, k8s, or plan to only check it"],
      ["--dry-run", "with submit: the same as --mode plan"],
      ["-w, --watch", "with submit and retry: show its steps until it ends"],
      ["--name <name>", "with submit: a name for people"],
      ["--input <json>", "with submit: what its steps find in ORCO_INPUT and ${input…}"],
      ["--key <key>", "with submit: runs of one concurrency key go one after the other"],
      ["--priority <n>", "with submit: -100 to 100, higher first"],
      ["--idempotency-key <key>", "with submit: asked twice, it is made once"],
      ["--from <step>", "with retry: take over only what was completed before this step"],
      ["-o, --output <file>", "with artifacts and a name: where it goes (- is standard output)"],
      ["--force", "with cancel: kill at once"],
      ["--step <step>", "with logs: of this step"],
      ["-F, --follow", "with logs: keep printing until it ends"],
      ["-n, --tail <lines>", "with logs: only the last lines"],
      ["--since <time>", "with logs and events: from a time on: 10m, or RFC 3339"],
      ["--level <level>", "with logs: this level and above"],
      ["--grep <pattern>", "with logs: only lines that match"],
    ],
    completes: ["submit", "show", "watch", "events", "logs", "checkpoints", "artifacts", "cancel", "pause", "resume", "retry", "signal"],
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "schedule",
    args: "<action> [args...]",
    summary: "runs that are made again and again: add <file> --cron …, list, remove <id>",
    options: [
      ["--cron <expression>", "with add: five or six fields"],
      ["--timezone <name>", "with add: of the cron expression (default: UTC)"],
      ["--catch-up <policy>", "with add: what was missed while orco was down: skip, one (default), all"],
      ["--mode <mode>", "with add: local (default), redis, k8s"],
      ["--name <name>", "with add: a name for people"],
    ],
    completes: ["add", "list", "remove"],
    load: async () => (await import("./schedule.ts")).schedule,
  },
];
