import { isIP } from "node:net";
import { z } from "zod";
import { OrcoError } from "./errors.ts";
import type { JsonObject } from "./event.ts";
import { orcoHome, socketPath } from "./home.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Flags of `orco serve` that override the environment, as the command line parser hands them over. */
export interface ConfigFlags {
  readonly home?: string;
  readonly bind?: string;
  readonly allowAnonymous?: boolean;
}

interface Setting {
  /** The first one that is set counts. */
  readonly env: readonly string[];
  readonly flag?: { readonly key: keyof ConfigFlags; readonly text: string };
  /** Completes "expected …". */
  readonly expects: string;
  readonly secret?: boolean;
}

/** `sun_path` of a Linux unix socket, less its closing NUL. */
const MAX_SOCKET_BYTES = 107;
const MIN_KEY_CHARS = 16;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

const settings = z.registry<Setting>();

/** Every environment variable and flag of the daemon. */
export const configSchema = z.object({
  home: z
    .string()
    .refine((home) => Buffer.byteLength(socketPath(home)) <= MAX_SOCKET_BYTES)
    .register(settings, {
      env: ["ORCO_HOME"],
      flag: { key: "home", text: "--home" },
      expects: `a path of at most ${MAX_SOCKET_BYTES - socketPath("").length - 1} bytes (it holds a unix socket)`,
    }),
  bind: z
    .string()
    .transform(parseAddress)
    .default({ host: "127.0.0.1", port: 7070 })
    .register(settings, {
      env: ["ORCHD_BIND_ADDR"],
      flag: { key: "bind", text: "--bind" },
      expects: "host:port, e.g. 127.0.0.1:7070 or [::1]:7070",
    }),
  apiKey: z
    .string()
    .trim()
    .min(MIN_KEY_CHARS)
    .optional()
    .register(settings, {
      env: ["ORCHESTRATOR_API_KEY", "ORCO_API_KEY", "LLORCH_API_TOKEN"],
      expects: `at least ${MIN_KEY_CHARS} characters`,
      secret: true,
    }),
  allowAnonymous: z
    .stringbool()
    .default(false)
    .register(settings, {
      env: ["ORCO_ALLOW_ANONYMOUS"],
      flag: { key: "allowAnonymous", text: "--allow-anonymous" },
      expects: "1 or 0",
    }),
  corsOrigins: z
    .string()
    .transform(parseOrigins)
    .default([])
    .register(settings, {
      env: ["CORS_ORIGINS"],
      expects: "exact origins with commas between, e.g. https://a.example,http://localhost:3000",
    }),
  rateLimitWindowMs: wholeNumber({ min: 1, max: 86_400_000 })
    .default(60_000)
    .register(settings, { env: ["RATE_LIMIT_WINDOW_MS"], expects: "a whole number of milliseconds from 1 to 86400000" }),
  rateLimitMax: wholeNumber({ min: 0, max: 1_000_000_000 })
    .default(1200)
    .register(settings, { env: ["RATE_LIMIT_MAX"], expects: "a whole number of requests, 0 for no limit" }),
  edgeAddress: z
    .string()
    .refine((address) => isIP(address) !== 0)
    .default("127.0.0.1")
    .register(settings, {
      env: ["ORCO_EDGE_ADDR"],
      expects: "the IP address that public ports listen on unless their contract says otherwise, e.g. 0.0.0.0",
    }),
  trustedProxies: z
    .string()
    .transform((text) => text.split(",").map((one) => one.trim()))
    .refine((blocks) => blocks.every(isBlock))
    .default([])
    .register(settings, {
      env: ["ORCO_TRUSTED_PROXIES"],
      expects: "addresses or CIDR blocks with commas between, e.g. 10.0.0.0/8,192.168.1.7",
    }),
  accessLog: z
    .string()
    .startsWith("/")
    .optional()
    .register(settings, { env: ["ORCO_ACCESS_LOG"], expects: "the absolute path of a file" }),
  edgeMemoryMib: wholeNumber({ min: 1, max: 1_048_576 })
    .default(512)
    .register(settings, { env: ["ORCO_EDGE_MEMORY"], expects: "a whole number of MiB above which a worker of the edge is replaced" }),
  logLevel: z
    .string()
    .toLowerCase()
    .pipe(z.enum(LOG_LEVELS))
    .default("info")
    .register(settings, { env: ["ORCO_LOG_LEVEL"], expects: `one of ${LOG_LEVELS.join(", ")}` }),
});

/** Names that are fixed for later parts of orco. Setting one does nothing yet, and `orco config show` says so. */
export const RESERVED: readonly string[] = [
  "REDIS_URL",
  "ORCHD_POOL_MANAGERS",
  "ORCHD_ADMISSION_CAPACITY",
  "ORCHD_ADMISSION_POLICY",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "PROMETHEUS_METRICS_PORT",
  "STATSD_HOST",
  "STATSD_PORT",
  "ORCHESTRATOR_STATSD_HOST",
  "ORCHESTRATOR_STATSD_PORT",
  "ORCHESTRATOR_STATSD_PREFIX",
  "DOCKER_HOST",
  "GITHUB_TOKEN",
];

export type Config = z.output<typeof configSchema>;
/** `default`, `env NAME` or `flag --name`. */
export type Origins = Readonly<Record<keyof Config, string>>;

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Origins;
  /** Names of `RESERVED` that are set and have no effect yet. */
  readonly unused: readonly string[];
}

interface Raw {
  readonly value: string | undefined;
  readonly origin: string;
  /** How a message names it. */
  readonly name: string;
}

/** Environment first, flags override. A variable that is set but blank counts as unset. `config` on the first bad value; facts: name, expected. */
export function loadConfig({ env, flags = {} }: { env: Env; flags?: ConfigFlags }): LoadedConfig {
  const keys = configSchema.keyof().options;
  const raw = new Map(keys.map((key) => [key, rawOf(settingOf(key), env, flags)]));
  const input = Object.fromEntries([...raw].map(([key, { value }]) => [key, value]));
  const home = orcoHome({ ...env, ORCO_HOME: raw.get("home")?.value });
  const parsed = configSchema.safeParse({ ...input, home });
  if (!parsed.success) throw badValue(parsed.error.issues[0]?.path[0], raw);
  const origins = Object.fromEntries([...raw].map(([key, { origin }]) => [key, origin])) as Origins;
  return { config: parsed.data, origins, unused: RESERVED.filter((name) => isSet(env[name])) };
}

/** What `orco config show` prints; secrets masked. */
export function describeConfig({ config, origins, unused }: LoadedConfig): JsonObject {
  const rows = configSchema.keyof().options.map((key) => {
    const { env, flag, secret } = settingOf(key);
    return {
      setting: key,
      value: secret && config[key] !== undefined ? "********" : textOf(config[key]),
      origin: origins[key],
      env: [...env],
      ...(flag && { flag: flag.text }),
    };
  });
  return { settings: rows, unused: [...unused] };
}

/** `10.0.0.0/8`, `::1`. */
function isBlock(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  return family !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)));
}

function settingOf(key: keyof Config): Setting {
  const setting = settings.get(configSchema.shape[key]);
  if (!setting) throw new OrcoError("internal", `setting ${key} is not registered`);
  return setting;
}

function rawOf({ env: names, flag }: Setting, env: Env, flags: ConfigFlags): Raw {
  const given = flag && flags[flag.key];
  if (flag && given !== undefined) return { value: String(given), origin: `flag ${flag.text}`, name: flag.text };
  const name = names.find((candidate) => isSet(env[candidate]));
  if (name !== undefined) return { value: env[name]?.trim(), origin: `env ${name}`, name };
  return { value: undefined, origin: "default", name: names[0] ?? "" };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value.trim() !== "";
}

function badValue(path: PropertyKey | undefined, raw: ReadonlyMap<keyof Config, Raw>): OrcoError {
  const key = configSchema.keyof().options.find((option) => option === path) ?? "home";
  const { expects, secret } = settingOf(key);
  const { name, value } = raw.get(key) ?? { name: key, value: undefined };
  const shown = secret || value === undefined ? name : `${name}=${JSON.stringify(value)}`;
  return new OrcoError("config", `${shown} is not valid: expected ${expects}`, { name, expected: expects });
}

function textOf(value: Config[keyof Config]): string | number | boolean | null {
  if (value === undefined) return null;
  if (typeof value !== "object") return value;
  if ("port" in value) return `${value.host.includes(":") ? `[${value.host}]` : value.host}:${value.port}`;
  return value.join(",");
}

function wholeNumber({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** `host:port`; an IPv6 host in brackets, which are taken off. Port 0 takes a free one. */
function parseAddress(text: string, context: z.RefinementCtx): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= 65_535) return { host, port };
  context.addIssue({ code: "custom", message: "not host:port" });
  return z.NEVER;
}

function parseOrigins(text: string, context: z.RefinementCtx): string[] {
  const origins = text.split(",").map((origin) => origin.trim());
  if (origins.every(isOrigin)) return origins;
  context.addIssue({ code: "custom", message: "not a list of origins" });
  return z.NEVER;
}

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
}
