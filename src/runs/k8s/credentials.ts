import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileTrouble, messageOf, OrcoError } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { ExecPlugin, UserAccess } from "./kubeconfig.ts";

export interface Credentials {
  readonly token?: string;
  readonly cert?: string;
  readonly key?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** A token of a file lives an hour, and the cluster writes the next one well before; it is cheap to look. */
const FILE_FRESH_MS = 60_000;
const PLUGIN_TIMEOUT_MS = 30_000;
/** Credentials are asked for again this long before they expire. */
const EARLY_MS = 30_000;
const MAX_OUTPUT_CHARS = 300;

/** What requests carry, kept until it is stale; asked for once, however many requests wait for it. */
export class CredentialSource {
  private kept: { credentials: Credentials; until: number } | undefined;
  private asking: Promise<Credentials> | undefined;

  constructor(
    private readonly user: UserAccess,
    private readonly env: Env,
    private readonly clock: Clock,
  ) {}

  /** Rejects with `unauthorized` when a file or a plugin does not give them. */
  get(): Promise<Credentials> {
    if (this.kept && this.clock.now() < this.kept.until) return Promise.resolve(this.kept.credentials);
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** The API server has refused them. */
  refuse(): void {
    this.kept = undefined;
  }

  private async ask(): Promise<Credentials> {
    const { cert, key, token, tokenFile, exec } = this.user;
    const still = { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
    const now = this.clock.now();
    if (tokenFile !== undefined) return this.keep({ ...still, token: await tokenIn(tokenFile) }, now + FILE_FRESH_MS);
    if (exec && token === undefined) {
      const { until, ...credentials } = await askPlugin(exec, this.env);
      return this.keep({ ...still, ...credentials }, until - EARLY_MS);
    }
    return this.keep({ ...still, ...(token !== undefined && { token }) }, Number.POSITIVE_INFINITY);
  }

  private keep(credentials: Credentials, until: number): Credentials {
    this.kept = { credentials, until };
    return credentials;
  }
}

async function tokenIn(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new OrcoError("unauthorized", `the token of the cluster cannot be read: ${path}: ${fileTrouble(error)}`, { file: path });
  }
}

async function askPlugin({ command, args, env, apiVersion, dir }: ExecPlugin, daemon: Env): Promise<Credentials & { until: number }> {
  const program = command.includes("/") ? resolve(dir, command) : command;
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec: { interactive: false } });
  const refused = (why: string): OrcoError => new OrcoError("unauthorized", `credentials plugin ${command}: ${why}`, { command });
  try {
    const child = Bun.spawn([program, ...args], {
      env: { ...daemon, ...env, KUBERNETES_EXEC_INFO: info },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: PLUGIN_TIMEOUT_MS,
    });
    const [code, out, err] = await Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]);
    if (code !== 0)
      throw refused(child.signalCode ? `ended by ${child.signalCode}` : `exit ${code}: ${err.trim().slice(-MAX_OUTPUT_CHARS)}`);
    return credentialsIn(out, refused);
  } catch (error) {
    throw error instanceof OrcoError ? error : refused(messageOf(error));
  }
}

interface ExecCredential {
  readonly status?: {
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
    readonly expirationTimestamp?: string;
  };
}

function credentialsIn(out: string, refused: (why: string) => OrcoError): Credentials & { until: number } {
  const { status } = JSON.parse(out) as ExecCredential;
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = status ?? {};
  if (!token && !cert) throw refused("it printed neither a token nor a certificate");
  const expires = Date.parse(expirationTimestamp ?? "");
  return {
    until: Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires,
    ...(token && { token }),
    ...(cert && { cert }),
    ...(key && { key }),
  };
}
