import { errnoOf, OrcoError } from "../kernel/errors.ts";
import { systemClock } from "../kernel/clock.ts";
import type { MockSettings } from "../inference/mock/settings.ts";
import { countOf, textOption, type Context, type Options } from "./context.ts";
import { usageError } from "./exit.ts";
import { interrupt } from "./interrupt.ts";

const MAX_SLOTS = 4096;
const MAX_MS = 3_600_000;

/** Runs until a polite signal; prints `READY <url>` once it listens. */
export async function mockEngine({ io, options }: Context): Promise<undefined> {
  const [{ startMockEngine }, { MOCK_DEFAULTS }, { parseFault }] = await Promise.all([
    import("../inference/mock/engine.ts"),
    import("../inference/mock/settings.ts"),
    import("../inference/mock/fault.ts"),
  ]);
  const { text, count } = given(options);
  const apiKey = keyOf(textOption(options, "apiKeyEnv"), io.env);
  const settings: MockSettings = {
    ...MOCK_DEFAULTS,
    ...text("host", (hostname) => ({ hostname })),
    ...text("model", (models) => ({ models: modelsOf(models) })),
    ...count("port", { max: 65_535 }, (port) => ({ port })),
    ...count("slots", { min: 1, max: MAX_SLOTS }, (slots) => ({ slots })),
    ...count("tokensPerS", {}, (tokensPerS) => ({ tokensPerS })),
    ...count("firstTokenMs", { max: MAX_MS }, (firstTokenMs) => ({ firstTokenMs })),
    ...count("burst", { min: 1, max: 1000 }, (burst) => ({ burst })),
    ...count("ctx", { min: 2 }, (ctx) => ({ ctx })),
    ...count("loadingMs", { max: MAX_MS }, (loadingMs) => ({ loadingMs })),
    ...text("fault", (fault) => ({ fault: faultOf(() => parseFault(fault)) })),
    ...(options["queue"] === true && { whenFull: "queue" as const }),
    ...(apiKey !== undefined && { apiKey }),
  };
  const interrupted = interrupt();
  const engine = listening(() => startMockEngine(settings, systemClock()), settings);
  io.out(`READY ${engine.url}\n`);
  await new Promise((resolve) => interrupted.signal.addEventListener("abort", resolve, { once: true }));
  engine.stop();
  interrupted.release();
  return undefined;
}

type Part = Partial<MockSettings>;

/** Each option becomes its part of the settings where it was given. */
function given(options: Options) {
  const text = (name: string, part: (value: string) => Part): Part => {
    const value = textOption(options, name);
    return value === undefined ? {} : part(value);
  };
  const count = (name: string, range: { min?: number; max?: number }, part: (value: number) => Part): Part =>
    text(name, (value) => part(countOf(value, `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, range)));
  return { text, count };
}

function modelsOf(text: string): string[] {
  const models = text.split(",").filter(Boolean);
  if (models.length === 0) throw usageError("--model takes ids of models with commas between");
  return models;
}

function keyOf(variable: string | undefined, env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (variable === undefined) return undefined;
  const key = env[variable];
  if (!key) throw usageError(`--api-key-env names ${JSON.stringify(variable)}, which is not set`);
  return key;
}

function faultOf<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw error instanceof OrcoError ? usageError(`--fault: ${error.message}`) : error;
  }
}

function listening<T>(start: () => T, { hostname, port }: MockSettings): T {
  try {
    return start();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EADDRINUSE") throw new OrcoError("port_in_use", `port ${port} of ${hostname} is taken; choose another with --port`);
    throw new OrcoError("unavailable", `the mock engine cannot listen on ${hostname}:${port}: ${errno ?? "no such address"}`);
  }
}
