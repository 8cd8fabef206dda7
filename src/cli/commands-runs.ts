import type { ActionSpec, CommandSpec, Flag } from "./command.ts";

const WATCH: Flag = ["-w, --watch", "show its steps until it ends"];
const SINCE: Flag = ["--since <time>", "from a time on: 10m, or RFC 3339"];
const RUN = "<run>";

const RUN_ACTIONS: readonly ActionSpec[] = [
  {
    name: "submit",
    args: "<file>",
    summary: "make a run of a plan (YAML or JSON; - is standard input)",
    options: [
      ["--mode <mode>", "local (default), redis, k8s, or plan to only check it"],
      ["--dry-run", "the same as --mode plan"],
      WATCH,
      ["--name <name>", "a name for people"],
      ["--input <json>", "what its steps find in ORCO_INPUT and ${input…}"],
      ["--key <key>", "runs of one concurrency key go one after the other"],
      ["--priority <n>", "-100 to 100, higher first"],
      ["--idempotency-key <key>", "asked twice, it is made once"],
    ],
    example: `run submit plan.yaml --watch --input '{"n": 1}'`,
  },
  { name: "show", args: RUN, summary: "one run with its steps", example: "run show 8ea6f2" },
  { name: "watch", args: RUN, summary: "its steps until it ends; exits with its outcome", example: "run watch 8ea6f2" },
  { name: "events", args: RUN, summary: "its stream until it ends", options: [SINCE], example: "run events 8ea6f2 --json" },
  {
    name: "logs",
    args: RUN,
    summary: "what its steps print",
    options: [
      ["--step <step>", "of this step"],
      ["-F, --follow", "keep printing until it ends (also -f after the command)"],
      ["-n, --tail <lines>", "only the last lines"],
      SINCE,
      ["--level <level>", "this level and above"],
      ["--grep <pattern>", "only lines that match"],
    ],
    example: "run logs 8ea6f2 --step build --tail 50",
  },
  { name: "checkpoints", args: RUN, summary: "what its steps have recorded", example: "run checkpoints 8ea6f2" },
  {
    name: "artifacts",
    args: "<run> [name]",
    summary: "the files it has left; with a name, that one",
    options: [["-o, --output <file>", "with a name: where it goes (- is standard output)"]],
    example: "run artifacts 8ea6f2 report.txt -o report.txt",
  },
  {
    name: "cancel",
    args: RUN,
    summary: "end it before it is done",
    options: [["--force", "kill at once"]],
    example: "run cancel 8ea6f2",
  },
  { name: "pause", args: RUN, summary: "let no further step begin", example: "run pause 8ea6f2" },
  { name: "resume", args: RUN, summary: "let a paused run go on", example: "run resume 8ea6f2" },
  {
    name: "retry",
    args: RUN,
    summary: "a new run that takes over what was completed",
    options: [["--from <step>", "but for this step and what needs it"], WATCH],
    example: "run retry 8ea6f2 --from test --watch",
  },
  {
    name: "signal",
    args: "<run> <name> [data]",
    summary: "answer a step that waits; data is JSON (null unless given)",
    example: `run signal 8ea6f2 ready '{"ok": true}'`,
  },
];

/** Work that orco gets done (runs.md). */
export const RUN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "run",
    summary: "run a one-shot of the stack; submit a plan; show, watch, cancel, retry, pause, resume, signal a run; its events, logs, …",
    actions: RUN_ACTIONS,
    otherwise: {
      name: "one-shot",
      args: "<one-shot>",
      summary: "a one-shot of the stack once more: prints its log and exits with its code; -d returns at once",
      options: [["-d, --detach", "of a one-shot: return as soon as it is admitted"]],
      example: "run migrate",
    },
    completes: "services",
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "schedule",
    summary: "runs that are made again and again: add, list (also without an action), remove",
    actions: [
      {
        name: "add",
        args: "<file>",
        summary: "make a run of a plan at every time of an expression",
        options: [
          ["--cron <expression>", "five or six fields"],
          ["--timezone <name>", "of the cron expression (default: UTC)"],
          ["--catch-up <policy>", "what was missed while orco was down: skip, one (default), all"],
          ["--mode <mode>", "local (default), redis, k8s"],
          ["--name <name>", "a name for people"],
        ],
        example: `schedule add plan.yaml --cron "0 3 * * *" --timezone Europe/Berlin`,
      },
      { name: "list", summary: "the schedules and when they fire next", example: "schedule list" },
      { name: "remove", args: "<schedule>", summary: "make no further run", example: "schedule remove 5c1d9e" },
    ],
    usually: "list",
    load: async () => (await import("./schedule.ts")).schedule,
  },
];
