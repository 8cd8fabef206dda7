import type { ActionSpec, CommandSpec, Flag } from "./command.ts";

const RUN = "<run>";
const WATCH: Flag = ["-w, --watch", "show its steps, the patch and what the build says until it ends"];
const LIMIT: Flag = ["-n, --limit <n>", "how many (default: 20)"];

const REPAIR_ACTIONS: readonly ActionSpec[] = [
  { name: "show", args: RUN, summary: "one repair: what was found, the patch, its steps", example: "repair show 8ea6f2" },
  { name: "watch", args: RUN, summary: "its steps until it ends; exits with its outcome", example: "repair watch 8ea6f2" },
  {
    name: "artifacts",
    args: "<run> [name]",
    summary: "its logs, plan and patch; with a name, that one",
    options: [["-o, --output <file>", "where it goes (default: standard output)"]],
    example: "repair artifacts 8ea6f2 patch.diff -o patch.diff",
  },
  {
    name: "retry",
    args: RUN,
    summary: "a new repair with the same plan, from the step that failed",
    options: [
      ["--from <step>", "from this step: analyze, patch, build, restart, verify, rollback (what it changed is put back)"],
      ["--reason <text>", "why; kept with it"],
      WATCH,
    ],
    example: "repair retry 8ea6f2 --from build --watch",
  },
  { name: "cancel", args: RUN, summary: "end it; what it has changed is undone first", example: "repair cancel 8ea6f2" },
  {
    name: "analyze",
    summary: "what the catalogue makes of a log, and the patch for it; exits 1 where it knows nothing (works without a daemon)",
    options: [
      ["--log <file>", "of a build or a container (- is standard input)"],
      ["--dockerfile <path>", "of the service (default: Dockerfile of the folder)"],
      ["--dir <folder>", "of the service (default: that of the Dockerfile, else here)"],
    ],
    example: "repair analyze --log build.log --dir services/api",
  },
  { name: "add", args: "<folder>", summary: "let the services of a compose project be repaired", example: "repair add ." },
  { name: "projects", summary: "the projects, their services and what their profiles say", example: "repair projects" },
  { name: "remove", args: "<folder>", summary: "forget a project; its files stay", example: "repair remove /srv/shop" },
];

/** Services that do not build or do not run (repair.md). */
export const REPAIR_COMMANDS: readonly CommandSpec[] = [
  {
    name: "repair",
    summary: "mend a service of a compose project: find the fault, patch, build, restart, verify, else roll back; show, watch, retry, …",
    actions: REPAIR_ACTIONS,
    otherwise: {
      name: "service",
      args: "<service> <instruction...>",
      summary: "repair it: a service, or project/service where several projects have it, or where it is called as an action",
      options: [
        WATCH,
        ["--dry-run", "end with the plan and the patch, and change nothing"],
        ["--high", "before other repairs that wait"],
        ["--logs <file>", "of what failed elsewhere (- is standard input)"],
        ["--plan <file>", "a plan of your own, as JSON; the same policy holds for it"],
      ],
      example: 'repair api "fix the missing dependency" --watch',
    },
    load: async () => (await import("./repair.ts")).repair,
  },
  {
    name: "repairs",
    summary: "repairs, newest first",
    options: [
      LIMIT,
      ["--status <status>", "queued, running, awaiting_approval, succeeded, failed, rolled_back, rollback_failed, rejected, canceled"],
      ["--service <service>", "of this service"],
    ],
    example: "repairs --status awaiting_approval",
    load: async () => (await import("./repairs.ts")).repairs,
  },
  {
    name: "audit",
    summary: "who did what: list (also without an action), verify",
    actions: [
      { name: "list", summary: "the records, newest first", options: [LIMIT], example: "audit list -n 5" },
      {
        name: "verify",
        summary: "whether every record is as it was written, none missing; exits 1 when not",
        options: [["--db <path>", "of this database file, without a daemon"]],
        example: "audit verify --db ~/.orco/orco.db",
      },
    ],
    usually: "list",
    load: async () => (await import("./audit.ts")).audit,
  },
];
