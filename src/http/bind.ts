import { OrcoError } from "../kernel/errors.ts";

export interface BindAddress {
  readonly host: string;
  readonly port: number;
}

/** The part of the configuration that this layer reads. */
export interface HttpConfig {
  /** Path of the unix socket. */
  readonly socket: string;
  /** No TCP listener when absent. Port 0 takes a free one. */
  readonly bind?: BindAddress;
  readonly apiKey?: string;
  readonly allowAnonymous: boolean;
  /** Exact origins besides our own. */
  readonly corsOrigins: readonly string[];
  /** `max` 0 turns the limit off. */
  readonly rateLimit: { readonly windowMs: number; readonly max: number };
  readonly version: string;
  /** Where workers of runs find their jobs in Redis; absent when this daemon hands out none. */
  readonly queue?: string;
}

const MIN_KEY_CHARS = 16;

/** `localhost`, 127.0.0.0/8, `::1`, with or without brackets. Nothing is resolved. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** Throws `config` when the server would be open to the network without a key, or the key is too short to be one. */
export function assertSafeBind(config: Pick<HttpConfig, "bind" | "apiKey" | "allowAnonymous">): void {
  if (config.apiKey !== undefined && config.apiKey.trim().length < MIN_KEY_CHARS) {
    throw new OrcoError("config", `ORCHESTRATOR_API_KEY is too short: at least ${MIN_KEY_CHARS} characters are needed`);
  }
  if (!config.bind || isLoopback(config.bind.host) || config.apiKey !== undefined || config.allowAnonymous) return;
  throw new OrcoError(
    "config",
    `${addressText(config.bind)} is reachable from other machines and no API key is set: ` +
      "set ORCHESTRATOR_API_KEY, bind to 127.0.0.1, or pass --allow-anonymous inside a private network",
    { address: addressText(config.bind) },
  );
}

/** The warning `/ready` and every start show for an open door that was asked for. */
export function anonymousWarning(config: HttpConfig): string | undefined {
  if (config.apiKey !== undefined || !config.bind || isLoopback(config.bind.host)) return undefined;
  return `${addressText(config.bind)} accepts anyone without an API key (--allow-anonymous)`;
}

export function addressText({ host, port }: BindAddress): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}
