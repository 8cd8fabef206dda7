import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { fileTrouble, OrcoError } from "../../kernel/errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Where the API server is and who we are there; files in it are absolute, and read again when they are needed. */
export interface ClusterAccess {
  /** Without a slash at its end. */
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  /** The name that its certificate is checked against, where that is not its host. */
  readonly serverName?: string;
  readonly insecure: boolean;
  readonly user: UserAccess;
  /** For messages: a context of a file, or `in-cluster`. */
  readonly source: string;
}

export interface UserAccess {
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
  /** Wins over `token`; a cluster renews it. */
  readonly tokenFile?: string;
  readonly exec?: ExecPlugin;
}

/** A program that prints credentials (client.authentication.k8s.io). */
export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  /** Of the kubeconfig: a command with a slash is relative to it. */
  readonly dir: string;
}

type Fields = Readonly<Record<string, unknown>>;

interface Named {
  readonly fields: Fields;
  /** Folder of the file that it stands in. */
  readonly dir: string;
  readonly file: string;
}

interface Merged {
  readonly clusters: Map<string, Named>;
  readonly users: Map<string, Named>;
  readonly contexts: Map<string, Named>;
  current: string | undefined;
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * KUBECONFIG (several files: the first that names something wins), else the service account of the pod that orco runs in, else `~/.kube/config`.
 * Undefined when there is none of them. Throws `config` for what cannot be read or is not supported. Source: kubernetes.io, "Organizing Cluster Access".
 */
export function clusterAccess(env: Env, account = ACCOUNT): ClusterAccess | undefined {
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) return fromFiles(listed);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = env;
  if (host && existsSync(join(account, "token"))) return inCluster(host, port, account);
  const usual = join(env["HOME"] ?? "/root", ".kube", "config");
  return existsSync(usual) ? fromFiles([usual]) : undefined;
}

function inCluster(host: string, port: string, account: string): ClusterAccess {
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const ca = join(account, "ca.crt");
  return { server, ca: readText(ca, ca), insecure: false, user: { tokenFile: join(account, "token") }, source: "in-cluster" };
}

function fromFiles(paths: readonly string[]): ClusterAccess {
  const merged: Merged = { clusters: new Map(), users: new Map(), contexts: new Map(), current: undefined };
  for (const path of paths) mergeFile(merged, resolve(path));
  const first = paths[0] ?? "";
  if (merged.current === undefined) throw wrong(first, "has no current-context");
  const context = merged.contexts.get(merged.current);
  if (!context) throw wrong(first, `has no context ${JSON.stringify(merged.current)}`);
  const cluster = merged.clusters.get(text(context.fields["cluster"]) ?? "");
  if (!cluster) throw wrong(context.file, `has no cluster ${JSON.stringify(context.fields["cluster"])}`);
  const user = merged.users.get(text(context.fields["user"]) ?? "");
  return { ...clusterOf(cluster), user: user ? userOf(user) : {}, source: `context ${merged.current} of ${context.file}` };
}

function mergeFile(merged: Merged, file: string): void {
  const parsed = fieldsOf(parsedYaml(file));
  const dir = dirname(file);
  for (const [list, key] of [
    ["clusters", "cluster"],
    ["users", "user"],
    ["contexts", "context"],
  ] as const) {
    for (const entry of Array.isArray(parsed[list]) ? parsed[list] : []) {
      const named = fieldsOf(entry);
      const name = text(named["name"]) ?? "";
      if (!merged[list].has(name)) merged[list].set(name, { fields: fieldsOf(named[key]), dir, file });
    }
  }
  merged.current ??= text(parsed["current-context"]);
}

function parsedYaml(file: string): unknown {
  const source = readText(file, file);
  try {
    return parse(source);
  } catch (error) {
    throw new OrcoError("config", `kubeconfig ${file} is no YAML`, { file }, { cause: error });
  }
}

function clusterOf(named: Named): Omit<ClusterAccess, "user" | "source"> {
  const { fields, file } = named;
  const server = text(fields["server"])?.replace(/\/+$/, "");
  if (!server || !/^https?:$/.test(URL.parse(server)?.protocol ?? "")) throw wrong(file, "has a cluster without a server");
  if (text(fields["proxy-url"])) throw wrong(file, "wants a proxy (proxy-url), which is not supported");
  const ca = pem(named, "certificate-authority");
  const serverName = text(fields["tls-server-name"]);
  return { server, insecure: fields["insecure-skip-tls-verify"] === true, ...(ca && { ca }), ...(serverName && { serverName }) };
}

function userOf(named: Named): UserAccess {
  const { fields, dir, file } = named;
  if (fields["auth-provider"]) throw wrong(file, "has an auth-provider, which Kubernetes has removed; use an exec plugin");
  if (fields["username"]) throw wrong(file, "has a user name and password, which Kubernetes has removed; use a token or a certificate");
  const [cert, key, token, tokenFile] = [
    pem(named, "client-certificate"),
    pem(named, "client-key"),
    text(fields["token"]),
    text(fields["tokenFile"]),
  ];
  const exec = fields["exec"] === undefined ? undefined : execOf(fieldsOf(fields["exec"]), named);
  return {
    ...(cert && { cert }),
    ...(key && { key }),
    ...(token && { token }),
    ...(tokenFile && { tokenFile: resolve(dir, tokenFile) }),
    ...(exec && { exec }),
  };
}

function execOf(fields: Fields, { dir, file }: Named): ExecPlugin {
  const [command, apiVersion] = [text(fields["command"]), text(fields["apiVersion"])];
  if (!command || !apiVersion) throw wrong(file, "has an exec plugin without command or apiVersion");
  if (fields["interactiveMode"] === "Always") throw wrong(file, "has an exec plugin that needs a terminal (interactiveMode: Always)");
  const args = Array.isArray(fields["args"]) ? fields["args"].map(String) : [];
  const env = (Array.isArray(fields["env"]) ? fields["env"] : []).map(fieldsOf);
  return { command, args, env: Object.fromEntries(env.map(({ name, value }) => [text(name) ?? "", text(value) ?? ""])), apiVersion, dir };
}

/** `<name>-data` in base64, else the file `<name>`. */
function pem({ fields, dir, file }: Named, name: string): string | undefined {
  const data = text(fields[`${name}-data`]);
  if (data) return Buffer.from(data, "base64").toString();
  const path = text(fields[name]);
  return path ? readText(resolve(dir, path), `${name} of ${file}`) : undefined;
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new OrcoError("config", `${what} cannot be read: ${fileTrouble(error)}`, { file: path }, { cause: error });
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function wrong(file: string, what: string): OrcoError {
  return new OrcoError("config", `kubeconfig ${file} ${what}`, { file });
}
