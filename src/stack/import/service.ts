import { didYouMean } from "../../kernel/nearest.ts";
import { configs, secrets, volumesFrom } from "./borrowed.ts";
import type { Cursor } from "./cursor.ts";
import { dependsOn, links } from "./depends.ts";
import { deploy, limit, replicas } from "./deploy.ts";
import { KNOWN_WITHOUT_PLACE, whyDropped } from "./dropped.ts";
import { environment, envFile, labels } from "./environment.ts";
import { cpuQuota, develop, extraHosts, logging, networkMode, networks, ulimits } from "./extras.ts";
import { healthcheck, hooks, stopGracePeriod, stopSignal } from "./health.ts";
import { build, init, profiles, pullPolicy, textTo, words } from "./image.ts";
import { tmpfs, volumes } from "./mounts.ts";
import { expose, ports } from "./ports.ts";
import { type Draft, type Handler, type Project, put, to } from "./project.ts";
import { restart } from "./restart.ts";

/** In this order, whatever the order of the source: what comes later counts before what came earlier. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  image: textTo("image", "an image"),
  build,
  pull_policy: pullPolicy,
  entrypoint: words("entrypoint"),
  command: words("command"),
  working_dir: textTo("workdir", "a path"),
  user: textTo("user", "a user"),
  init,
  environment,
  env_file: envFile,
  ports,
  expose,
  volumes,
  tmpfs,
  volumes_from: volumesFrom,
  configs,
  secrets,
  depends_on: dependsOn,
  links,
  healthcheck,
  restart,
  stop_signal: stopSignal,
  stop_grace_period: stopGracePeriod,
  scale: replicas,
  cpu_quota: cpuQuota,
  cpus: limit("cpu"),
  mem_limit: limit("memory"),
  pids_limit: limit("pids"),
  labels,
  deploy,
  ulimits,
  pre_start: hooks("preStart"),
  post_start: hooks("postStart"),
  pre_stop: hooks("preStop"),
  logging,
  profiles,
  develop,
  extra_hosts: extraHosts,
  network_mode: networkMode,
  networks,
  extends: (at, draft) => at.carried(to(draft), `what ${at.in("service")?.text ?? at.text} says stands here now`),
};

const KNOWN = [...Object.keys(HANDLERS), ...KNOWN_WITHOUT_PLACE];

/** One service of compose → one of orco; undefined where orco cannot have it at all. Everything it says is told to the ledger. */
export function convertService(source: Cursor, project: Project): Draft | undefined {
  const from = source.key;
  if (source.node.kind !== "map") return source.fail(`expected a mapping that describes ${from}`);
  if (source.in("provider")) return void source.dropped("a provider makes it, outside of docker: orco runs containers and processes only");
  const draft: Draft = { name: project.names.get(from) ?? from, from, project, source, fields: {} };
  put(draft, ["restartPolicy"], { condition: "never" });
  const known = Object.keys(HANDLERS).flatMap((key) => source.in(key) ?? []);
  for (const at of known) {
    if (at.isNothing) at.carried(undefined, "empty");
    else HANDLERS[at.key]?.(at, draft);
  }
  for (const [key, at] of source.fields()) if (!Object.hasOwn(HANDLERS, key)) leftOut(key, at);
  if (draft.fields["image"] === undefined && draft.fields["build"] === undefined)
    source.fail(`service ${from} has neither image nor build`);
  return draft;
}

function leftOut(key: string, at: Cursor): void {
  if (at.book.ledger.has(at.path)) return;
  const reason = whyDropped(key);
  if (at.isNothing || at.text === "false") at.carried(undefined, "nothing is asked for");
  else if (reason !== undefined) at.dropped(reason);
  else if (key.startsWith("x-")) at.dropped("an extension: nothing in orco reads it");
  else at.dropped([`compose has no key ${key} that orco knows of`, didYouMean(key, KNOWN)].filter(Boolean).join("; "));
}
