import type { CommandSpec, Flag } from "./command.ts";
import { INFERENCE_COMMANDS } from "./commands-inference.ts";
import { REPAIR_COMMANDS } from "./commands-repair.ts";
import { RUN_COMMANDS } from "./commands-runs.ts";
import { STACK_COMMANDS } from "./commands-stack.ts";

const APP = ["--app <name>", "the app that is meant (default: the only one, else the one named default)"] as const;
const DETACH = ["-d, --detach", "return as soon as the change is admitted"] as const;

export const COMMANDS: readonly CommandSpec[] = [
  ...STACK_COMMANDS,
  {
    name: "app",
    summary: "apps that are deployed from git: add, list (also without an action), show, remove",
    actions: [
      {
        name: "add",
        args: "<name>",
        summary: "an app to deploy, or another repository for one",
        options: [
          ["--repo <path|url>", "the git repository"],
          ["--contract <file>", "the app contract (default: orco.app.json of the commit)"],
        ],
        example: "app add blog --repo https://github.com/me/blog.git",
      },
      { name: "list", summary: "the apps and what is live of them", example: "app list" },
      { name: "show", args: "<name>", summary: "one app with its contract, as JSON", example: "app show blog" },
      { name: "remove", args: "<name>", summary: "stop it and forget it, with its releases", example: "app remove blog" },
    ],
    usually: "list",
    load: async () => (await import("./app.ts")).app,
  },
  {
    name: "deploy",
    args: "[commit]",
    summary: "make a commit live without a failed request (default: HEAD of the repository)",
    options: [APP, DETACH],
    example: "deploy main --app blog",
    load: async () => (await import("./deploy.ts")).deploy,
  },
  {
    name: "rollback",
    summary: "make the previous release live again",
    options: [APP, DETACH],
    example: "rollback --app blog",
    load: async () => (await import("./deploy.ts")).rollback,
  },
  {
    name: "releases",
    summary: "the deploys and rollbacks of an app, newest first",
    options: [APP, ["-n, --limit <n>", "how many (default: 20)"]],
    example: "releases -n 5",
    load: async () => (await import("./deploy.ts")).releases,
  },
  {
    name: "graph",
    summary: "the dependency graph (works without a daemon)",
    options: [
      ["--dot", "for Graphviz"],
      ["--mermaid", "for Mermaid"],
    ],
    example: "graph --mermaid",
    load: async () => (await import("./graph.ts")).graph,
  },
  {
    name: "import",
    summary: "make a stack of what other tools read (works without a daemon)",
    actions: [
      {
        name: "compose",
        args: "<files...>",
        summary: "a compose file (later ones are merged over it) → stack.yaml, with a report of what did not carry over",
        options: [
          ["-o, --output <file>", "write it there instead of standard output"],
          ["--force", "also over a file that exists"],
          ["--strict", "exit 1 when anything was left out"],
        ],
        example: "import compose docker-compose.yml -o stack.yaml",
      },
    ],
    load: async () => (await import("./import.ts")).importStack,
  },
  {
    name: "lint",
    summary: "check the file (works without a daemon)",
    example: "-f stack.yaml lint",
    load: async () => (await import("./lint.ts")).lint,
  },
  {
    name: "events",
    summary: "what happened, from the journal",
    options: [
      ["-F, --follow", "keep printing"],
      ["--since <time>", "from a time on: 10m, or RFC 3339"],
      ["--all", "of all stacks and runs"],
    ],
    example: "events --follow --json",
    load: async () => (await import("./events.ts")).events,
  },
  ...RUN_COMMANDS,
  {
    name: "runs",
    args: "[run]",
    summary: "runs, newest first (in the folder of a stack: its changes); or one of them with its steps",
    options: [
      ["-n, --limit <n>", "how many (default: 20)"],
      ["--all", "not only those of the stack here"],
      ["--status <status>", "pending, running, paused, completed, failed, canceled"],
      ["--kind <kind>", "plan, external, apply, deploy, rollback, …"],
      ["--mode <mode>", "local, redis, k8s"],
      ["--name <name>", "of this name"],
      ["--since <time>", "made from a time on: 10m, or RFC 3339"],
    ],
    example: "runs --status failed -n 5",
    load: async () => (await import("./runs.ts")).runs,
  },
  {
    name: "approve",
    args: "<run>",
    summary: "approve what a run waits for, after showing it",
    options: [
      ["--reject", "reject it: a change is undone and ends, the step of a plan fails"],
      ["--role <role>", "as whom, where only some roles may decide"],
      ["--as <id>", "of a repair: who decides it (default: uid:<n>, the user that runs this)"],
      ["--token-file <path>", "of a repair: holds the approver's token (default: $ORCO_APPROVAL_TOKEN)"],
      ["--comment <text>", "why; kept with the decision"],
      ["--yes", "do not ask (only a terminal is asked)"],
    ],
    example: 'approve 8ea6f2 --comment "looked at it"',
    load: async () => (await import("./approve.ts")).approve,
  },
  {
    name: "cancel",
    args: "<run>",
    summary: "cancel a run that is under way",
    example: "cancel 8ea6f2",
    load: async () => (await import("./runs.ts")).cancel,
  },
  {
    name: "config",
    summary: "the daemon's settings",
    actions: [{ name: "show", summary: "the settings and where each comes from", example: "config show" }],
    usually: "show",
    load: async () => (await import("./config.ts")).config,
  },
  {
    name: "serve",
    summary: "run the daemon in the foreground",
    options: [
      ["--bind <host:port>", "TCP address (default: 127.0.0.1:7070)"],
      ["--allow-anonymous", "bind beyond this machine without an API key"],
    ],
    example: "serve --bind 127.0.0.1:7070",
    load: async () => (await import("./serve.ts")).serve,
  },
  {
    name: "worker",
    summary: "execute runs of mode redis; on any machine that reaches Redis and the daemon",
    options: [
      ["--redis <url>", "the daemon's Redis (default: $REDIS_URL)"],
      ["--api <url>", "of the daemon (default: $ORCO_API_URL)"],
      ["--concurrency <n>", "runs at once (default: one a core)"],
      ["--name <name>", "of this worker (default: host and number)"],
      ["--key-file <file>", "holds the daemon's API key (default: $ORCHESTRATOR_API_KEY)"],
      ["--grace <duration>", "how long runs under way may take to end after SIGTERM (default: 8s)"],
    ],
    example: "worker --redis redis://127.0.0.1:6379 --concurrency 4",
    load: async () => (await import("./worker.ts")).worker,
  },
  {
    name: "worker-sweep",
    summary: "ends what a worker left; its guard starts it",
    hidden: true,
    load: async () => (await import("./worker.ts")).workerSweep,
  },
  {
    name: "node",
    summary: "offer the pools of this machine to a control plane, and relay to their engines",
    options: [
      ["--control <url>", "the control plane (default: $ORCO_CONTROL_URL)"],
      ["--bind <host:port>", "where this node listens (default: 0.0.0.0:9200)"],
      ["--address <address>", "under which the control plane reaches it (default: the address this machine has towards it)"],
      ["--node-id <id>", "its name among all nodes (default: the host name)"],
      [
        "--control-key-env <variable>",
        "holds the control plane's API key (default: $ORCHESTRATOR_API_KEY, which is this node's key as well)",
      ],
      ["--allow-anonymous", "listen for others without an API key"],
    ],
    example: "node --control http://10.0.0.1:7070",
    load: async () => (await import("./node.ts")).node,
  },
  {
    name: "edge-worker",
    summary: "a worker of the edge; the daemon starts it",
    options: [
      ["--folder <path>", "where the routes are"],
      ["--number <n>", "of this worker"],
      ["--workers <n>", "how many there usually are"],
      ["--build <id>", "of the program that started it"],
      ["--memory <MiB>", "above which it asks to be replaced"],
    ],
    hidden: true,
    load: async () => (await import("./edge-worker.ts")).edgeWorker,
  },
  ...REPAIR_COMMANDS,
  ...INFERENCE_COMMANDS,
  {
    name: "conformance",
    args: "<suite> [report]",
    summary: "deploy: try any deploy orchestrator from outside; --json FILE writes the report there",
    options: [
      ["--start <command>", "run it like this: {repo} {contract} {port} {internal_port} {api_port} {home}"],
      ["--stop <command>", "take it down with all it runs"],
      ["--url <url>", "base of its API (default with --start: port {api_port})"],
      ["--proxy <url>", "where the app is reached (default with --start: port {port})"],
      ["--setup <command>", "point it at {repo} and {contract} (default: PUT /apps/default)"],
      ["--repo <folder>", "make the repository here"],
      ["--header <header...>", 'sent with every request, such as "Authorization: Bearer …"'],
      ["--contract <json>", "more fields of the contract"],
      ["--kill-grace <ms>", "how long a process may outlive its drain (default: 12000)"],
      ["--only <ids>", "these scenarios: 3,6"],
      ["--skip <id:reason...>", "leave out one that does not apply, and say why"],
    ],
    completes: ["deploy"],
    example: "conformance deploy --url http://127.0.0.1:7070 --json report.json",
    load: async () => (await import("./conformance.ts")).conformance,
  },
  {
    name: "shutdown",
    summary: "stop all stacks and the daemon",
    example: "shutdown",
    load: async () => (await import("./shutdown.ts")).shutdown,
  },
  {
    name: "version",
    summary: "of this program and of the daemon",
    example: "version --json",
    load: async () => (await import("./version.ts")).version,
  },
  {
    name: "completion",
    args: "<shell>",
    summary: "completion script for bash, zsh or fish",
    completes: ["bash", "zsh", "fish"],
    example: "completion bash",
    load: async () => (await import("./completion.ts")).completion({ commands: COMMANDS, globals: GLOBAL_OPTIONS }),
  },
];

export const GLOBAL_OPTIONS: readonly Flag[] = [
  ["-f, --file <path>", "stack file (default: stack.yaml or stack.yml here)"],
  ["--stack <name>", "a stack by name; needs no file"],
  ["--home <folder>", "state of the daemon (default: $ORCO_HOME)"],
  ["--json", "output for programs"],
  ["-q, --quiet", "no progress, only results and errors"],
  ["--no-color", "no colours (also: NO_COLOR)"],
];
