import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { loadConfig } from "../kernel/config.ts";
import { isRedisUrl, protocolOf } from "../kernel/config-values.ts";
import { fileTrouble } from "../kernel/errors.ts";
import { countOf, textOption, type Context } from "./context.ts";
import { usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";
import { durationOption } from "./time.ts";

/** Each run under way holds one of the 256 connections that Bun has for a process. */
const MAX_CONCURRENCY = 100;
/** Below the ten seconds that docker and compose wait. */
const DEFAULT_GRACE = "8s";
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** As the daemon takes them. */
const KEY_VARIABLES = ["ORCHESTRATOR_API_KEY", "ORCO_API_KEY", "LLORCH_API_TOKEN"] as const;
/** A command line can be read by everybody on the machine. */
const KEY_HINT = `the key of the daemon comes from ${KEY_VARIABLES[0]} or --key-file`;

/** Executes runs of mode redis, on any machine that reaches Redis and the daemon. */
export async function worker({ io, options, home }: Context): Promise<undefined> {
  const redis = urlOf(textOption(options, "redis") ?? io.env["REDIS_URL"], {
    isRight: isRedisUrl,
    what: "--redis <redis://host:port/number> (or REDIS_URL)",
  });
  const api = urlOf(textOption(options, "api") ?? io.env["ORCO_API_URL"], {
    isRight: (url) => /^https?:$/.test(protocolOf(url)),
    what: "--api <http://host:7070> (or ORCO_API_URL)",
  });
  const name = textOption(options, "name");
  if (name !== undefined && !NAME.test(name))
    throw usageError(`--name takes letters, digits, ".", "_" and "-", not ${JSON.stringify(name)}`);
  const key = keyOf(textOption(options, "keyFile"), io.env);
  const interrupted = interrupt();
  const { runWorker } = await import("../worker.ts");
  await runWorker({
    env: io.env,
    home,
    redis,
    api: api.replace(/\/+$/, ""),
    ...(key !== undefined && { key }),
    ...(name !== undefined && { name }),
    concurrency: countOf(textOption(options, "concurrency") ?? String(availableParallelism()), "--concurrency", {
      min: 1,
      max: MAX_CONCURRENCY,
    }),
    graceMs: durationOption(textOption(options, "grace") ?? DEFAULT_GRACE, "--grace"),
    logLevel: loadConfig({ env: io.env }).config.logLevel,
    stop: interrupted.signal,
    hurry: interrupted.again,
    onReady: (line) => io.out(`${line}\n`),
  });
  interrupted.release();
  // Everything has ended; idle connections would hold the process for seconds.
  process.exit(0);
}

/** For the guard of a worker; people do not call it. `--home` is the folder of that worker. */
export async function workerSweep({ home, io }: Context): Promise<undefined> {
  const { sweepWorker } = await import("../worker.ts");
  await sweepWorker(home, io.env);
  return undefined;
}

function urlOf(text: string | undefined, { isRight, what }: { isRight: (url: string) => boolean; what: string }): string {
  if (text === undefined || text === "") throw usageError(`worker takes ${what}`);
  // Not shown: it may hold a password.
  if (!isRight(text)) throw usageError(`that is no URL for ${what}`);
  return text;
}

function keyOf(file: string | undefined, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const given = file === undefined ? KEY_VARIABLES.map((variable) => env[variable]?.trim()).find(Boolean) : readKey(file);
  if (file !== undefined && given === "") throw usageError(`${file} is empty; ${KEY_HINT}`);
  return given;
}

function readKey(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    throw usageError(`--key-file ${file}: ${fileTrouble(error)}; ${KEY_HINT}`);
  }
}
