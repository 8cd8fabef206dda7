import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { errnoOf, messageOf, OrcoError } from "../../kernel/errors.ts";
import { runCommand } from "../command.ts";

/** A helper may ask a service in the network. */
const HELPER_TIMEOUT_MS = 10_000;
const MAX_HELPER_BYTES = 1024 * 1024;
const HUB = "docker.io";
/** What docker calls its hub in the configuration. */
const HUB_KEY = "https://index.docker.io/v1/";

type Env = Readonly<Record<string, string | undefined>>;

interface Entry {
  readonly auth?: string;
  readonly identitytoken?: string;
}

export interface DockerConfig {
  readonly auths?: Readonly<Record<string, Entry>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** What docker wants to know of a registry; secret. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress: string;
}

/** Host (and port) of the registry of an image: `docker.io` where none is named. */
export function registryOf(image: string): string {
  const slash = image.indexOf("/");
  const first = slash < 0 ? "" : image.slice(0, slash);
  return /[.:]/.test(first) || first === "localhost" ? first : HUB;
}

/** Value of `X-Registry-Auth`, or of `X-Registry-Config` for those of several. */
export function authHeader(credentials: Credentials | Readonly<Record<string, Credentials>>): string {
  // Docker insists on the padding.
  return Buffer.from(JSON.stringify(credentials)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/**
 * What `docker login` has kept for a registry: in ~/.docker/config.json ($DOCKER_CONFIG), or with a helper it names.
 * undefined where there is nothing. Throws `invalid` for a configuration or a helper that fails; nothing secret is in the message.
 */
export async function credentialsFor(registry: string, { env, clock }: { env: Env; clock: Clock }): Promise<Credentials | undefined> {
  const config = await readConfig(env);
  if (!config) return undefined;
  const helper = helperOf(config, registry);
  const kept = helper === undefined ? undefined : await fromHelper(helper, keyOf(registry), { env, clock });
  return kept ?? inConfig(config, registry);
}

export function helperOf({ credHelpers = {}, credsStore }: DockerConfig, registry: string): string | undefined {
  const named = Object.entries(credHelpers).find(([key]) => hostOf(key) === registry)?.[1];
  const helper = named ?? credsStore;
  return helper === undefined || helper === "" ? undefined : helper;
}

export function inConfig({ auths = {} }: DockerConfig, registry: string): Credentials | undefined {
  const found = Object.entries(auths).find(([key]) => hostOf(key) === registry);
  if (!found) return undefined;
  const [serveraddress, { auth = "", identitytoken }] = found;
  if (identitytoken !== undefined && identitytoken !== "") return { identitytoken, serveraddress };
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, ""), serveraddress };
}

/** Keys are hosts, or addresses with a scheme and a path. */
function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  return ["index.docker.io", "registry-1.docker.io", HUB].includes(host) ? HUB : host;
}

function keyOf(registry: string): string {
  return registry === HUB ? HUB_KEY : registry;
}

async function readConfig(env: Env): Promise<DockerConfig | undefined> {
  const path = join(env["DOCKER_CONFIG"] || join(env["HOME"] || homedir(), ".docker"), "config.json");
  try {
    const config: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof config === "object" && config !== null ? config : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    // Not the words of the parser: they quote what they cannot read.
    const why = error instanceof SyntaxError ? "it is not JSON" : messageOf(error);
    throw new OrcoError("invalid", `credentials of registries cannot be read from ${path}: ${why}`, { file: path });
  }
}

async function fromHelper(helper: string, key: string, { env, clock }: { env: Env; clock: Clock }): Promise<Credentials | undefined> {
  const name = `docker-credential-${helper}`;
  const out: Uint8Array[] = [];
  let size = 0;
  const onOutput = (chunk: Uint8Array, stream: "stdout" | "stderr"): void => {
    size += chunk.length;
    if (stream === "stdout" && size <= MAX_HELPER_BYTES) out.push(chunk.slice());
  };
  const vars = Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
  const argv = [name, "get"];
  const run = await runCommand({ argv, cwd: "/", env: vars, stdin: key, timeoutMs: HELPER_TIMEOUT_MS, clock, onOutput });
  const text = Buffer.concat(out).toString("utf8");
  if (run.ended === "exited" && run.code === 0) return parsed(name, text);
  if (/credentials not found/i.test(text + run.output)) return undefined;
  const why = run.ended === "timeout" ? `it took longer than ${HELPER_TIMEOUT_MS / 1000} s` : `exit code ${run.code ?? run.signal ?? "?"}`;
  throw new OrcoError("invalid", `${name} gave no credentials for ${key}: ${why}`, { helper: name });
}

function parsed(helper: string, text: string): Credentials | undefined {
  try {
    const { Username, Secret, ServerURL = "" } = JSON.parse(text) as Readonly<Record<string, string>>;
    if (Username === undefined || Secret === undefined) return undefined;
    if (Username === "<token>") return { identitytoken: Secret, serveraddress: ServerURL };
    return { username: Username, password: Secret, serveraddress: ServerURL };
  } catch {
    // What it printed may be secret.
    throw new OrcoError("invalid", `${helper} printed something that is not JSON`, { helper });
  }
}
