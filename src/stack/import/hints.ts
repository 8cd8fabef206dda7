import { findCycle, formatCycle } from "../../kernel/graph.ts";
import { mapTexts } from "../../kernel/map-texts.ts";
import type { Cursor } from "./cursor.ts";
import type { Draft } from "./project.ts";

const HOST_VARIABLE = /(?:HOST|SERVER|ADDR|ADDRESS|URL|URI|ENDPOINT|BROKERS?|NODES?|PEERS?|DSN|PROXY)[A-Z0-9_]*$/i;
const SEARCHED = ["environment", "command", "entrypoint", "healthcheck", "build"];

/** What a person should look at though it is carried: host names that lead nowhere now, and what orco reads differently. */
export function addHints(drafts: readonly Draft[]): void {
  const gone = goneNames(drafts);
  for (const draft of drafts) {
    renamePort(draft);
    for (const key of SEARCHED) {
      const at = draft.source.in(key);
      for (const leaf of at ? leaves(at) : []) hintsFor(leaf, gone);
    }
  }
}

/** Names that containers of compose answer to and orco's do not → the name to use. */
function goneNames(drafts: readonly Draft[]): Map<string, string> {
  const found = new Map<string, string>();
  const services = new Set(drafts.map(({ name }) => name));
  for (const { name, from, source } of drafts) {
    const networks = source.in("networks")?.fields() ?? [];
    const aliases = networks.flatMap(
      ([, network]) =>
        network
          .in("aliases")
          ?.items()
          .map((alias) => alias.text) ?? [],
    );
    for (const other of [from, source.in("container_name")?.text ?? "", ...aliases])
      if (other !== "" && !services.has(other)) found.set(other, name);
    for (const link of source.in("links")?.items() ?? []) {
      const [target = "", alias = ""] = link.text.split(":");
      if (alias !== "" && !services.has(alias)) found.set(alias, drafts.find((one) => one.from === target)?.name ?? target);
    }
  }
  return found;
}

function hintsFor(leaf: Cursor, gone: ReadonlyMap<string, string>): void {
  for (const [name, use] of gone)
    if (isHost(leaf, name)) leaf.book.ledger.note(toldAt(leaf), `${name} leads nowhere here: the service is reached as ${use}`);
}

const PORT = /(?<!\$)((?:\$\$)*\$\{?)PORT\b/g;
const INSTEAD = "COMPOSE_PORT";

/** `${PORT}` of a service with ports is orco's own, known at the start of an instance; compose's is one of the caller's environment. */
function renamePort({ name, fields, source }: Draft): void {
  const env = fields["env"];
  if (fields["ports"] === undefined || (typeof env === "object" && env !== null && "PORT" in env)) return;
  for (const leaf of leaves(source)) {
    if (leaf.text.search(PORT) === -1) continue;
    const { ledger } = leaf.book;
    const line = ledger.of(toldAt(leaf));
    const reason = `PORT is what orco gives each instance: the variable is ${INSTEAD} here`;
    if (line && line.action !== "dropped")
      ledger.add({ to: ["services", name], ...line, action: "changed", reasons: [...line.reasons, reason] });
  }
  for (const [key, value] of Object.entries(fields)) fields[key] = mapTexts(value, (text) => text.replace(PORT, `$1${INSTEAD}`));
}

/** The line of the report that speaks for a place. */
function toldAt({ path, book }: Cursor): Cursor["path"] {
  for (let length = path.length; length > 2; length--) if (book.ledger.has(path.slice(0, length))) return path.slice(0, length);
  return path;
}

/** Words that may be a host name by where they stand: behind `//` or `@`, before a port, or as the whole of a variable that is about one. */
function isHost(leaf: Cursor, name: string): boolean {
  const { text } = leaf;
  if (!text.includes(name)) return false;
  const word = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const assigned = /^([A-Za-z_][\w.-]*)=(.*)$/s.exec(text);
  const [key, value] =
    assigned && leaf.node.kind === "scalar" && typeof leaf.path.at(-1) === "number"
      ? [assigned[1] ?? "", assigned[2] ?? ""]
      : [leaf.key, text];
  if (value === name) return HOST_VARIABLE.test(key);
  return new RegExp(`(?:\\/\\/|@)${word}(?![\\w.-])|(?:^|[\\s,;=@/"'(])${word}:\\d|(?:^|[\\s,])${word}:\\$\\{`).test(value);
}

function leaves(at: Cursor): Cursor[] {
  if (at.node.kind === "scalar") return [at];
  return [...at.items(), ...at.fields().map(([, field]) => field)].flatMap(leaves);
}

/** What compose and orco wait for differently. `drafts` may be changed: what somebody waits to complete must not be started again. */
export function settleDependencies(drafts: readonly Draft[]): void {
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  for (const draft of drafts) {
    const dependencies = draft.fields["dependsOn"];
    for (const { target, require } of Array.isArray(dependencies) ? (dependencies as { target: string; require: string }[]) : []) {
      const other = byName.get(target);
      const at = other && draft.source.in("depends_on")?.in(other.from)?.in("condition");
      if (!other || !at) continue;
      if (require === "ready" && other.fields["health"] === undefined)
        at.book.ledger.note(
          at.path,
          `${target} declares no healthcheck, and orco does not read that of an image: it is ready when it is started; give it health`,
        );
      const policy = other.fields["restartPolicy"] as { condition?: string };
      if (require !== "completed" || policy.condition !== "always") continue;
      policy.condition = "on-failure";
      const restart = other.source.in("restart") ?? other.source.in("deploy")?.in("restart_policy");
      restart?.changed(
        ["services", target, "restartPolicy", "condition"],
        `${draft.name} waits for it to complete: it is not started again once it has`,
      );
    }
  }
}

/** A UDP port has one owner: two instances at once cannot be. */
export function settleDatagrams(drafts: readonly Draft[]): void {
  for (const { name, fields, source } of drafts) {
    const ports = Array.isArray(fields["ports"]) ? (fields["ports"] as string[]) : [];
    const update = fields["update"] as Record<string, unknown> | undefined;
    if (!update || update["maxSurge"] === 0 || !ports.some((port) => /:.*\/udp$/.test(port))) continue;
    update["strategy"] = "recreate";
    delete update["maxSurge"];
    delete update["maxUnavailable"];
    const order = source.in("deploy")?.in("update_config")?.in("order");
    order?.changed(["services", name, "update", "strategy"], "its UDP port has one owner: the old instance goes first");
  }
}

/** Compose refuses it as well. Services of a profile may close one: all of it must be started together to be one. */
export function refuseCycle(drafts: readonly Draft[]): void {
  const always = drafts.filter(({ source }) => !source.in("profiles"));
  const edges = always.flatMap(({ name, fields }) => {
    const list = Array.isArray(fields["dependsOn"]) ? (fields["dependsOn"] as { target: string }[]) : [];
    return list.map(({ target }) => ({ from: name, to: target }));
  });
  const nodes = always.map(({ name }) => name);
  const cycle = findCycle({ nodes, edges: edges.filter((edge) => nodes.includes(edge.to)) });
  const first = cycle && always.find(({ name }) => name === cycle[0]);
  if (cycle) (first?.source.in("depends_on") ?? first?.source)?.fail(`dependency cycle: ${formatCycle(cycle)}`);
}

/** Variables without a default: compose takes them as empty, orco refuses. Names in order of the file. */
export function bareVariables(text: string): string[] {
  const names = [...text.matchAll(/(?<!\$)(?:\$\$)*\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:\}|:?\?))/g)].map(
    ([, bare, braced]) => bare ?? braced ?? "",
  );
  return [...new Set(names)];
}

/** Everything of the source that nothing was said of, so that nothing is lost silently. */
export function uncovered(root: Cursor): Cursor[] {
  const { ledger } = root.book;
  const visit = (at: Cursor): Cursor[] => {
    if (
      ledger.has(at.path) &&
      !(at.path.length === 2 && at.path[0] === "services" && at.fields().length > 0 && ledger.of(at.path)?.action !== "dropped")
    )
      return [];
    const below = [...at.items(), ...at.fields().map(([, field]) => field)];
    return below.length === 0 ? [at] : below.flatMap(visit);
  };
  return visit(root);
}
