import { loadConfig } from "../kernel/config.ts";
import { protocolOf } from "../kernel/config-values.ts";
import { textOption, type Context } from "./context.ts";
import { ensureDaemon } from "./daemon-start.ts";
import { usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";

const DEFAULT_BIND = "0.0.0.0:9200";
const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Makes this machine a node of a control plane: its pools are offered there, and the way to their engines with them. */
export async function node(context: Context): Promise<undefined> {
  const { io, options, home } = context;
  const control = controlOf(textOption(options, "control") ?? io.env["ORCO_CONTROL_URL"]);
  const nodeId = textOption(options, "nodeId");
  if (nodeId !== undefined && !NODE_ID.test(nodeId))
    throw usageError(`--node-id takes letters, digits, ".", "_", ":" and "-", not ${JSON.stringify(nodeId)}`);
  const address = addressOf(textOption(options, "address"));
  const { config } = loadConfig({
    env: { ...io.env, ORCO_HOME: home },
    flags: { bind: textOption(options, "bind") ?? DEFAULT_BIND, ...(options["allowAnonymous"] === true && { allowAnonymous: true }) },
  });
  const controlKey = controlKeyOf(textOption(options, "controlKeyEnv"), io.env) ?? config.apiKey;
  await ensureDaemon(context);
  const interrupted = interrupt();
  const { runNode } = await import("../node.ts");
  await runNode({
    env: io.env,
    home,
    control,
    bind: config.bind,
    allowAnonymous: config.allowAnonymous,
    ...(controlKey !== undefined && { controlKey }),
    ...(config.apiKey !== undefined && { apiKey: config.apiKey }),
    ...(nodeId !== undefined && { nodeId }),
    ...(address !== undefined && { address }),
    logLevel: config.logLevel,
    stop: interrupted.signal,
    hurry: interrupted.again,
    onReady: (line) => io.out(`${line}\n`),
  });
  interrupted.release();
  // Everything has ended; idle connections would hold the process for seconds.
  process.exit(0);
}

function controlOf(url: string | undefined): string {
  const what = "--control <http://host:7070> (or ORCO_CONTROL_URL), the control plane";
  if (url === undefined || url === "") throw usageError(`node takes ${what}`);
  // Not shown: it may hold a password.
  if (!/^https?:$/.test(protocolOf(url))) throw usageError(`that is no URL for ${what}`);
  return url.replace(/\/+$/, "");
}

/** Keys come from the environment: a command line can be read by everybody on the machine. */
function controlKeyOf(variable: string | undefined, env: Context["io"]["env"]): string | undefined {
  if (variable === undefined) return undefined;
  const key = env[variable]?.trim();
  if (!key) throw usageError(`--control-key-env names ${variable}, which is not set; it holds the control plane's key`);
  return key;
}

function addressOf(text: string | undefined): string | undefined {
  if (text === undefined || URL.canParse(/^https?:\/\//i.test(text) ? text : `http://${text}`)) return text;
  throw usageError(
    `--address takes a host, host:port or URL under which the control plane reaches this machine, not ${JSON.stringify(text)}`,
  );
}
