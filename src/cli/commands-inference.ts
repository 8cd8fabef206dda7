import type { ActionSpec, CommandSpec, Flag } from "./command.ts";

const MODEL = "<model>";
const POOL = "<pool>";
const DETACH: Flag = ["-d, --detach", "return as soon as it has begun"];
const ASKING: readonly Flag[] = [
  ["--max-tokens <n>", "the answer is no longer than this"],
  ["--temperature <t>", "0: always the same answer"],
  ["--session <id>", "the engine that answered last in it is asked again, and its budgets count"],
];

const MODEL_ACTIONS: readonly ActionSpec[] = [
  { name: "list", summary: "the models and what is known of their files", example: "models list" },
  { name: "show", args: MODEL, summary: "one of them, as JSON", example: "models show org/chain" },
  {
    name: "add",
    args: "<model> <source>",
    summary: "put a model into the catalog; source: a path below the model folders, file:, https: or hf:org/repo/file[@revision]",
    options: [
      ["--digest <sha256:hex>", "what its file has to be"],
      ["--tags <a,b>", "words of your own"],
    ],
    example: "models add chain hf:org/repo/chain.gguf --digest sha256:9f86d0…",
  },
  {
    name: "verify",
    args: MODEL,
    summary: "hold its file against its digest; fetched first where it is not here",
    options: [DETACH],
    example: "models verify chain",
  },
  { name: "fetch", args: MODEL, summary: "fetch its file, or go on with it", options: [DETACH], example: "models fetch chain" },
  { name: "retire", args: MODEL, summary: "take no more tasks for it", example: "models retire chain" },
  { name: "activate", args: MODEL, summary: "take tasks for it again", example: "models activate chain" },
  { name: "remove", args: MODEL, summary: "forget it; its file stays", example: "models remove chain" },
];

const POOL_ACTIONS: readonly ActionSpec[] = [
  { name: "list", summary: "the pools of engines, whoever they come from", example: "pools list" },
  { name: "health", args: POOL, summary: "how one of them is, as JSON", example: "pools health chain" },
  {
    name: "add",
    args: POOL,
    summary: "make a pool of engines that somebody else runs",
    options: [
      ["--engine <kind>", "llamacpp, vllm, tgi, openai, mock"],
      ["--url <urls>", "of its engines, with commas between"],
      ["--models <a,b>", "what they serve (default: as they say)"],
      ["--slots <n>", "tasks that each takes at once (default: as it says)"],
      ["--policy <policy>", "least-loaded, round-robin, prefix"],
      ["--api-key-env <NAME>", "the variable of the daemon that holds their key"],
    ],
    example: "pools add chain --engine llamacpp --url http://127.0.0.1:8080",
  },
  { name: "remove", args: POOL, summary: "forget it; its engines run on", example: "pools remove chain" },
  {
    name: "drain",
    args: POOL,
    summary: "let it take no new tasks",
    options: [["--deadline <duration>", "what still runs then ends (default: 30s)"]],
    example: "pools drain chain --deadline 1m",
  },
  { name: "resume", args: POOL, summary: "let a drained one take tasks again", example: "pools resume chain" },
  { name: "reload", args: "<pool> <model>", summary: "let it serve another model", example: "pools reload chain chain-2" },
  { name: "purge", args: POOL, summary: "end what waits in it", example: "pools purge chain" },
];

const TASK_ACTIONS: readonly ActionSpec[] = [
  {
    name: "list",
    summary: "those that run and wait, then those that ended",
    options: [["-n, --limit <n>", "how many (default: 20)"]],
    example: "tasks list -n 5",
  },
  { name: "watch", summary: "what happens to tasks, pools, nodes and models, in sentences (also: tasks --watch)", example: "tasks watch" },
  { name: "show", args: "<task>", summary: "one task, as JSON", example: "tasks show 8ea6f2" },
  {
    name: "submit",
    args: "<model> [prompt...]",
    summary: "queue a completion of the prompt (or of what is piped in) and print its id",
    options: [["--wait", "print the answer as it comes"], ["--priority <class>", "interactive (default) or batch"], ...ASKING],
    example: 'tasks submit chain "once upon a time" --wait',
  },
  { name: "cancel", args: "<task>", summary: "end it; no token follows", example: "tasks cancel 8ea6f2" },
];

/** Tasks of models and the engines that run them (inference.md). */
export const INFERENCE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "models",
    summary: "the catalog: list (also without an action), add, verify, fetch, retire, activate, remove",
    actions: MODEL_ACTIONS,
    usually: "list",
    load: async () => (await import("./models.ts")).models,
  },
  {
    name: "pools",
    summary: "the engines: list (also without an action), add, remove, drain, resume, reload, purge, health",
    actions: POOL_ACTIONS,
    usually: "list",
    load: async () => (await import("./pools.ts")).pools,
  },
  {
    name: "nodes",
    summary: "other machines with engines: list (also without an action), remove",
    actions: [
      { name: "list", summary: "the machines that have registered", example: "nodes list" },
      { name: "remove", args: "<node>", summary: "forget one", example: "nodes remove gpu-1" },
    ],
    usually: "list",
    load: async () => (await import("./nodes.ts")).nodes,
  },
  {
    name: "tasks",
    summary: "what is asked of models: list (also without an action), submit, show, cancel; --watch",
    actions: TASK_ACTIONS,
    otherwise: {
      name: "show",
      args: "<task>",
      summary: "one task; without an action, --watch tells what happens to all",
      options: [["-w, --watch", "without an action: what happens, in sentences, until Ctrl-C"]],
      example: "tasks --watch",
    },
    usually: "list",
    load: async () => (await import("./tasks.ts")).tasks,
  },
  {
    name: "chat",
    args: "<model> [prompt...]",
    summary: "talk to a model; with a prompt, or one that is piped in, print its answer",
    options: ASKING,
    example: 'chat chain "once upon a time"',
    load: async () => (await import("./chat.ts")).chat,
  },
  {
    name: "mock-engine",
    summary: "a stand-in for an inference engine: OpenAI's API without a model, a fixed sentence for every prompt",
    options: [
      ["--host <address>", "to listen on (default: 127.0.0.1)"],
      ["--port <n>", "to listen on (default: a free one; the READY line names it)"],
      ["--slots <n>", "answers at once (default: 2)"],
      ["--model <ids>", "it serves these, separated by commas (default: chain)"],
      ["--tokens-per-s <n>", "of each answer (default: 0, as fast as it can)"],
      ["--first-token-ms <n>", "before the first token"],
      ["--burst <n>", "tokens in one write (default: 1)"],
      ["--ctx <n>", "words that prompt and answer may have (default: 2048)"],
      ["--loading-ms <n>", "for so long it says that it is loading its model"],
      ["--queue", "a request more than there are slots waits (default: 429)"],
      ["--api-key-env <NAME>", "the variable with the key that clients must send"],
      ["--fault <faults>", "what goes wrong, such as cut=5 or status=429,first=2"],
    ],
    example: "mock-engine --port 8081 --tokens-per-s 50 --fault latency_ms=20",
    load: async () => (await import("./mock-engine.ts")).mockEngine,
  },
];
