import type { CommandSpec } from "./command.ts";

const QUEUE = ["--queue", "wait for a change that is under way instead of failing"] as const;
/** Where a stack is meant without it. */
const OF_APP = ["--app <name>", "of an app instead of the stack"] as const;
const DETACH = ["-d, --detach", "return as soon as the change is admitted"] as const;

/** What a person does with a stack. */
export const STACK_COMMANDS: readonly CommandSpec[] = [
  {
    name: "up",
    args: "[services...]",
    summary: "bring the stack up; starts the daemon when there is none",
    options: [
      ["-d, --detach", "leave it running and return"],
      ["--wait", "return when everything is ready (implies --detach)"],
      ["--watch", "restart, rebuild or apply when files change, as each service's watch says; in the foreground only"],
      ["--timeout <duration>", "with --wait: give up after this long (default: 5m)"],
      ["--profile <name...>", "also services of these profiles"],
      ["--adopt", "take over a stack of this name that another file started"],
      QUEUE,
    ],
    completes: "services",
    example: "up -d --wait --timeout 2m",
    load: async () => (await import("./up.ts")).up,
  },
  {
    name: "down",
    summary: "stop and remove the stack",
    options: [["--volumes", "remove its volumes too"], ["--force", "kill at once instead of stopping politely"], DETACH],
    example: "down --volumes",
    load: async () => (await import("./down.ts")).down,
  },
  {
    name: "status",
    summary: "the services and how they are",
    options: [["-w, --watch", "keep showing it; with --json one object per change"], ["--wide", "also CPU and memory"], OF_APP],
    example: "status --watch --wide",
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "top",
    summary: "the stack live: table, logs, and keys to change it; ? shows them",
    example: "top",
    load: async () => (await import("./top.ts")).top,
  },
  {
    name: "exec",
    args: "<service> <command...>",
    usage: "exec <service> [options] -- <command...>",
    summary: "run a command beside a service: in its container, or with its environment and folder",
    options: [
      ["--replica <n>", "beside this replica (default: the first that runs)"],
      ["-T, --no-tty", "no terminal (default: one where this is one)"],
      ["-u, --user <user>", "as another user"],
      ["-w, --workdir <folder>", "in another folder"],
      ["-e, --env <NAME=value>", "another variable; may be given again", "many"],
    ],
    example: "exec db -- psql -U postgres",
    completes: "services",
    load: async () => (await import("./exec.ts")).exec,
  },
  {
    name: "logs",
    args: "[services...]",
    summary: "what the services print",
    options: [
      ["-F, --follow", "keep printing (also -f after the command)"],
      ["--since <time>", "from a time on: 10m, or RFC 3339"],
      ["--until <time>", "up to a time"],
      ["-n, --tail <lines>", "only the last lines"],
      ["--level <level>", "this level and above: trace debug info warn error fatal"],
      ["--grep <pattern>", "only lines that match (linear-time regular expression)"],
      ["--replica <n>", "only this replica"],
      ["--previous", "of the last ended run of each replica"],
      ["--app <name>", "of an app instead of the stack; its slots blue and green are the services"],
    ],
    completes: "services",
    example: "logs api -F --since 10m --level warn",
    load: async () => (await import("./logs.ts")).logs,
  },
  ...(["restart", "start", "stop"] as const).map((name): CommandSpec => ({
    name,
    args: "<service>",
    summary: { restart: "stop and start a service", start: "start a service that was stopped", stop: "stop a service, leaving the rest" }[
      name
    ],
    options: [DETACH],
    example: `${name} api`,
    completes: "services",
    load: async () => (await import("./action.ts"))[name],
  })),
  {
    name: "scale",
    args: "<service> [replicas]",
    summary: "run this many replicas: scale jobs 3, or jobs=3",
    options: [DETACH],
    completes: "services",
    example: "scale api 3",
    load: async () => (await import("./action.ts")).scale,
  },
  ...(["promote", "abort"] as const).map((name): CommandSpec => ({
    name,
    args: "<service>",
    summary: { promote: "let a canary replace the rest", abort: "undo an update that is under way" }[name],
    options: [DETACH],
    example: `${name} api`,
    completes: "services",
    load: async () => (await import("./action.ts"))[name],
  })),
  {
    name: "apply",
    summary: "change what runs to what the file says, and only that",
    options: [
      ["--dry-run", "show the plan, change nothing"],
      DETACH,
      QUEUE,
      ["--adopt", "take over a stack of this name that another file started"],
      ["--profile <name...>", "also services of these profiles"],
    ],
    example: "apply --dry-run",
    load: async () => (await import("./apply.ts")).apply,
  },
  {
    name: "stack",
    summary: "the stacks of this machine: list (also without an action), show",
    actions: [
      { name: "list", summary: "all stacks, how many services each has and how many of them are ready", example: "stack list" },
      {
        name: "show",
        args: "<name>",
        summary: "the services of one and how they are",
        options: [["--wide", "also CPU and memory"]],
        example: "stack show shop --json",
      },
    ],
    usually: "list",
    load: async () => (await import("./stack.ts")).stack,
  },
];
