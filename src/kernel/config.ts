import { isIP } from "node:net";
import { z } from "zod";
import { inferenceSettings } from "./config-inference.ts";
import { repairSettings } from "./config-repair.ts";
import { type ConfigFlags, type Setting, settings } from "./config-setting.ts";
import { isBlock, isRedisUrl, parseAddress, parseOrigins, protocolOf, wholeNumber, withoutPassword } from "./config-values.ts";
import { OrcoError } from "./errors.ts";
import type { JsonObject } from "./event.ts";
import { orcoHome, socketPath } from "./home.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** `sun_path` of a Linux unix socket, less its closing NUL. */
const MAX_SOCKET_BYTES = 107;
const MIN_KEY_CHARS = 16;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

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
  redisUrl: z
    .string()
    .refine(isRedisUrl)
    .optional()
    .register(settings, { env: ["REDIS_URL"], expects: "redis://[user:password@]host:port[/db] or rediss://…", secret: true }),
  publicUrl: z
    .string()
    .refine((url) => /^https?:$/.test(protocolOf(url)))
    .transform((url) => url.replace(/\/+$/, ""))
    .optional()
    .register(settings, {
      env: ["ORCO_PUBLIC_URL"],
      expects: "the URL at which workers and pods reach this daemon, e.g. http://10.0.0.5:7070",
    }),
  maxRuns: wholeNumber({ min: 1, max: 100_000 })
    .default(256)
    .register(settings, {
      env: ["ORCO_MAX_RUNS"],
      expects: "how many runs this daemon drives at once, without those that only wait for somebody; the others wait",
    }),
  maxSteps: wholeNumber({ min: 1, max: 10_000 })
    .default(64)
    .register(settings, { env: ["ORCO_MAX_STEPS"], expects: "how many processes and containers of steps run at once on this machine" }),
  leaseMs: wholeNumber({ min: 500, max: 3_600_000 })
    .default(30_000)
    .register(settings, { env: ["ORCO_LEASE_MS"], expects: "the milliseconds after which a worker that says nothing has lost its run" }),
  runsKeepDays: wholeNumber({ min: 1, max: 36_500 })
    .default(30)
    .register(settings, { env: ["ORCO_RUNS_KEEP_DAYS"], expects: "a whole number of days after which ended runs are forgotten" }),
  runsKeep: wholeNumber({ min: 1, max: 10_000_000 })
    .default(100_000)
    .register(settings, { env: ["ORCO_RUNS_KEEP"], expects: "how many ended runs are kept" }),
  webhookAllow: z
    .string()
    .transform((text) => text.split(",").map((one) => one.trim()))
    .refine((blocks) => blocks.every(isBlock))
    .default([])
    .register(settings, {
      env: ["ORCO_WEBHOOK_ALLOW"],
      expects: "private addresses or CIDR blocks that webhooks of runs may go to, with commas between, e.g. 127.0.0.1,10.0.0.0/8",
    }),
  kubeNamespace: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
    .default("default")
    .register(settings, { env: ["ORCO_K8S_NAMESPACE"], expects: "the namespace in which Jobs are made" }),
  kubeImage: z
    .string()
    .default("busybox:stable")
    .register(settings, { env: ["ORCO_K8S_IMAGE"], expects: "the image of steps that name none in k8s mode" }),
  otlpEndpoint: z
    .string()
    .refine((url) => /^https?:$/.test(protocolOf(url)))
    .optional()
    .register(settings, { env: ["OTEL_EXPORTER_OTLP_ENDPOINT"], expects: "http(s)://host:4318, where traces are sent" }),
  metricsPort: wholeNumber({ min: 0, max: 65_535 })
    .optional()
    .register(settings, { env: ["PROMETHEUS_METRICS_PORT"], expects: "a port on which /metrics alone is served too" }),
  dockerHost: z
    .string()
    .refine((url) => /^(unix|tcp|http|https):$/.test(protocolOf(url)))
    .default("unix:///var/run/docker.sock")
    .register(settings, { env: ["DOCKER_HOST"], expects: "unix:///path/to/docker.sock or tcp://host:port" }),
  ...inferenceSettings,
  ...repairSettings,
  logLevel: z
    .string()
    .toLowerCase()
    .pipe(z.enum(LOG_LEVELS))
    .default("info")
    .register(settings, { env: ["ORCO_LOG_LEVEL"], expects: `one of ${LOG_LEVELS.join(", ")}` }),
});

/** Names that are fixed for later parts of orco. Setting one does nothing yet, and `orco config show` says so. */
export const RESERVED: readonly string[] = [];

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
  const shown = secret || value === undefined ? name : `${name}=${JSON.stringify(withoutPassword(value))}`;
  return new OrcoError("config", `${shown} is not valid: expected ${expects}`, { name, expected: expects });
}

function textOf(value: Config[keyof Config]): string | number | boolean | null {
  if (value === undefined) return null;
  if (typeof value === "string") return withoutPassword(value);
  if (typeof value !== "object") return value;
  if ("port" in value) return `${value.host.includes(":") ? `[${value.host}]` : value.host}:${value.port}`;
  return value.join(",");
}
