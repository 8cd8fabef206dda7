import { isIP } from "node:net";
import type { Clock } from "../../kernel/clock.ts";
import { hostOf } from "../../kernel/webhook/target.ts";
import { failure } from "../failure.ts";
import { endpointUrl, reachable, refuseEndpoint } from "../nodes/reach.ts";
import { ENGINES, type EngineKind } from "../request.ts";
import type { NewPool } from "../service.ts";
import { type Lookup, systemLookup } from "../upstream/target.ts";
import { POLICIES, type Policy } from "./pool.ts";
import type { SourcePool, SourceReplica } from "./source.ts";

type Env = Readonly<Record<string, string | undefined>>;
type NewReplica = NewPool["replicas"][number];

/** Who registers a pool chooses where its key is sent: of the daemon's environment these never go to an engine. */
const NO_ENGINES =
  /^(?:(?:ORCHESTRATOR|ORCO|LLORCH)_API_(?:KEY|TOKEN)|ORCO_REPAIR_.*|OTEL_.*|(?!.*_API_KEY$)(?:AWS|AZURE|ARM|GOOGLE|GCP|VAULT|DOCKER|GITHUB|GH|GITLAB|NPM|SSH|GPG|PG|MYSQL|REDIS|DATABASE)_.*|PATH|HOME|(?:.*_)?(?:PASSWORD|PASSWD|PASSPHRASE))$/i;

/** A name that does not resolve by then is looked up again when it is connected to. */
const LOOKUP_MS = 1000;

interface Checks {
  readonly env: Env;
  readonly clock: Clock;
  /** The system's when absent. */
  readonly lookup?: Lookup;
}

/** As it is kept: what is wrong refused, URLs as adapters want them. Throws INVALID_PARAMS with `errors`. */
export async function checkedPool(pool: NewPool, { env, clock, lookup = systemLookup }: Checks): Promise<NewPool> {
  engineOf(pool);
  policyOf(pool);
  const seen = new Set<string>();
  for (const [index, replica] of pool.replicas.entries()) {
    const at = `/replicas/${index}`;
    if (seen.has(replica.id)) throw wrong(`${at}/id`, `there are two replicas with the id ${replica.id}`);
    seen.add(replica.id);
    const why = refuseEndpoint(replica.url);
    if (why !== undefined) throw wrong(`${at}/url`, why);
    const { trouble } = keyOf(replica, env);
    if (trouble !== undefined) throw wrong(`${at}/api_key_env`, trouble);
  }
  const hosts = pool.replicas.map(({ url }) => hostOf(new URL(url)));
  const refusals = await Promise.all(hosts.map((host) => refuseName(host, { clock, lookup })));
  const found = refusals.findIndex((why) => why !== undefined);
  if (found >= 0) throw wrong(`/replicas/${found}/url`, refusals[found] ?? "");
  return { ...pool, replicas: pool.replicas.map((replica) => ({ ...replica, url: endpointUrl(replica.url) })) };
}

/** What was registered, as the registry takes it. A key whose variable is gone leaves the replica unready. */
export function sourcePool(pool: NewPool, env: Env): SourcePool {
  const policy = policyOf(pool);
  return {
    id: pool.id,
    engine: engineOf(pool),
    ...(pool.models && { models: pool.models }),
    ...(policy && { policy }),
    replicas: pool.replicas.map((replica) => sourceReplica(replica, env)),
  };
}

function sourceReplica(replica: NewReplica, env: Env): SourceReplica {
  const { id, url, slots, vram_total_bytes: vram } = replica;
  const { apiKey, trouble } = keyOf(replica, env);
  return {
    id,
    endpoint: { url, ...(apiKey !== undefined && { apiKey }) },
    ...(slots !== undefined && { slotsTotal: slots }),
    ...(vram !== undefined && { vramTotalBytes: vram }),
    ...(trouble !== undefined && { ready: false, lastError: trouble }),
  };
}

/** What its engine takes as a bearer token; or why there is none although one is named. */
function keyOf({ api_key_env: variable }: NewReplica, env: Env): { readonly apiKey?: string; readonly trouble?: string } {
  if (variable === undefined) return {};
  if (NO_ENGINES.test(variable))
    return { trouble: `${variable} is no engine's key and is sent to none: give the daemon the engine's key in a variable of its own` };
  const apiKey = env[variable];
  return apiKey ? { apiKey } : { trouble: unset(variable) };
}

function engineOf({ engine }: NewPool): EngineKind {
  const known = ENGINES.find((one) => one === engine);
  if (!known) throw wrong("/engine", `must be one of ${ENGINES.join(", ")}`);
  return known;
}

function policyOf({ policy }: NewPool): Policy | undefined {
  const known = POLICIES.find((one) => one === policy);
  if (policy !== undefined && !known) throw wrong("/policy", `must be one of ${POLICIES.join(", ")}`);
  return known;
}

/** Why the addresses of a name are none for an engine. Adapters look again when they connect. */
async function refuseName(host: string, { clock, lookup }: Required<Pick<Checks, "clock" | "lookup">>): Promise<string | undefined> {
  if (isIP(host) > 0) return undefined;
  const over = new AbortController();
  const late = clock.sleep(LOOKUP_MS, over.signal).then(
    () => [],
    () => [],
  );
  const asked = lookup(host).catch(() => []);
  const addresses = await Promise.race([asked, late]);
  over.abort();
  const allowed = addresses.length > 0 ? reachable(addresses) : [];
  return typeof allowed === "string" ? allowed : undefined;
}

function unset(variable: string): string {
  return `the daemon has no variable ${variable} in its environment: set it and start the daemon again`;
}

function wrong(pointer: string, detail: string) {
  return failure("INVALID_PARAMS", `${pointer.slice(1)}: ${detail}`, { errors: [{ pointer, detail }] });
}
