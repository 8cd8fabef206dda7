import type { Cursor } from "./cursor.ts";
import { type Draft, type Handler, isThere, push, rebased } from "./project.ts";
import { flagOf, isOpen, known, oneOrMore, splitColons, textOf } from "./values.ts";

const KEPT = new Set(["ro", "rw", "z", "Z"]);
const WINDOWS = /^[A-Za-z]:[\\/]|^\\\\|\\/;

export interface Mount {
  readonly type: "bind" | "volume" | "tmpfs";
  readonly source?: string;
  readonly target: string;
  readonly readOnly?: boolean | string;
  readonly options?: readonly string[];
  readonly size?: string | undefined;
}

export const volumes: Handler = (at, draft) => {
  if (at.node.kind !== "list") return at.fail("expected a list of volumes");
  for (const item of at.items()) {
    const mount = mountOf(item);
    if (mount) carry(item, draft, mount);
  }
  return undefined;
};

/** What one item of `volumes` says; undefined when it is told already why not. */
export function mountOf(at: Cursor): Mount | undefined {
  return at.node.kind === "map" ? long(at) : short(at);
}

function short(at: Cursor): Mount | undefined {
  const text = textOf(at, 'a volume such as "data:/var/lib/data"');
  if (text === undefined) return undefined;
  if (WINDOWS.test(text)) return void at.dropped("a path of Windows: write it as this machine has it");
  const [first = "", target, mode] = splitColons(text);
  if (target === undefined) return { type: "volume", target: first };
  // The name of a volume has no slash: ${DATA}/db is a path.
  const type = /^(?:\/|\.{1,2}(?:\/|$)|~)|^\$.*\//.test(first.replace(/:-[^}]*\}/, "}")) ? "bind" : "volume";
  return { type, source: first, target, options: mode?.split(",").filter(Boolean) ?? [] };
}

const TYPES = ["bind", "volume", "tmpfs"] as const;
const CARRIED = new Set(["type", "source", "target", "read_only"]);
const LATER: Readonly<Record<string, string>> = {
  consistency: "a matter of Docker Desktop",
  bind: "orco binds a folder as docker does by itself",
  volume: "orco mounts the whole volume, filled from the image as docker does",
  tmpfs: "orco sets the size of a tmpfs only",
  image: "orco mounts no images",
};

function long(at: Cursor): Mount | undefined {
  const target = at.in("target")?.text ?? "";
  const kind = at.in("type")?.text ?? "volume";
  const type = TYPES.find((one) => one === kind);
  if (type === undefined) return void at.dropped(`orco has no volumes of type ${kind}`);
  if (target === "") return at.fail("a volume needs a target, its path in the container");
  const readOnly = at.in("read_only");
  const source = at.in("source")?.text;
  if (WINDOWS.test(source ?? "") || WINDOWS.test(target)) return void at.dropped("a path of Windows: write it as this machine has it");
  const size = at.in("tmpfs")?.in("size");
  const selinux = at.in("bind")?.in("selinux")?.text;
  for (const [key, field] of at.fields()) if (!CARRIED.has(key)) rest(key, field);
  const flag = readOnly && flagOf(readOnly);
  return {
    type,
    target,
    ...(source !== undefined && source !== "" && { source }),
    ...(flag !== undefined && { readOnly: flag }),
    options: selinux === "z" || selinux === "Z" ? [selinux] : [],
    size: size?.text,
  };
}

function rest(key: string, at: Cursor): void {
  const reason = known(LATER, key) ?? "no key of a volume";
  if (at.node.kind !== "map") return at.dropped(reason);
  for (const [name, field] of at.fields()) {
    if ((key === "tmpfs" && name === "size") || (key === "bind" && name === "selinux")) continue;
    if (name === "create_host_path") field.dropped("orco makes no folders of this machine: make it first");
    else if (name === "nocopy") field.dropped("docker fills a new volume with what the image has there");
    else field.dropped(reason);
  }
}

/** Puts one mount into the draft and says what has become of it. */
export function carry(at: Cursor, draft: Draft, mount: Mount): void {
  const { target } = mount;
  if (!target.startsWith("/") && !isOpen(target))
    return at.dropped(`${JSON.stringify(target)} is no absolute path in the container: docker refuses it as well`);
  const before = takenBy(draft, target);
  if (before !== undefined) return at.dropped(`${target} is taken already, by ${before}`);
  const lost = (mount.options ?? []).filter((option) => !KEPT.has(option) || (/^z$/i.test(option) && mount.type !== "bind"));
  const made =
    mount.type === "tmpfs" ? { value: tmpfsOf(mount) } : mount.type === "bind" ? bind(at, draft, mount) : volume(at, draft, mount);
  if (made === undefined) return;
  const place = push(draft, "volumes", made.value);
  const reasons = [made.reason, lost.length > 0 ? `docker's option ${lost.join(", ")} is left out` : undefined].filter(
    (one) => one !== undefined,
  );
  for (const one of reasons) at.changed(place, one);
  if (reasons.length === 0) at.carried(place);
  if (mount.type === "bind" && mount.source !== undefined) missing(at, draft, rebased(mount.source, at, draft.project));
}

function missing(at: Cursor, draft: Draft, path: string): void {
  if (!isThere(path, draft.project)) at.book.ledger.note(at.path, `${path} is not there: docker would make it, orco does not`);
}

interface Made {
  readonly value: unknown;
  readonly reason?: string;
}

function tmpfsOf({ target, size }: Mount): unknown {
  return { type: "tmpfs", target, ...(size !== undefined && { size }) };
}

function bind(at: Cursor, draft: Draft, mount: Mount): Made | undefined {
  if (mount.source === undefined) return at.fail("a bind needs a source, a path of this machine");
  return { value: text(mount, rebased(mount.source, at, draft.project)) };
}

function volume(at: Cursor, draft: Draft, mount: Mount): Made | undefined {
  const { source } = mount;
  if (source === undefined) return { value: mount.target };
  if (isOpen(source)) return { value: text(mount, source) };
  const declared = draft.project.root.in("volumes")?.in(source);
  if (!declared)
    return at.fail(
      `${draft.from} refers to volume ${source}, which is not declared under volumes`,
      `declare it: volumes: { ${source}: {} }, or write ./${source} for a folder`,
    );
  const outer = externalName(declared);
  if (outer === undefined) return { value: text(mount, source) };
  const readOnly = mount.readOnly ?? mount.options?.includes("ro");
  const value = { type: "volume", source: outer, target: mount.target, ...((readOnly ?? false) !== false && { readOnly }), external: true };
  return { value, reason: `external: ${outer} is there by that name, and orco leaves it there` };
}

/** The real name of a volume that compose does not make either. */
export function externalName(declared: Cursor): string | undefined {
  const external = declared.in("external");
  if (!external || external.isNothing || external.text === "false") return undefined;
  return external.in("name")?.text ?? declared.in("name")?.text ?? declared.key;
}

function text(mount: Mount, source: string): unknown {
  const { readOnly } = mount;
  if (typeof readOnly === "string") return { type: mount.type, source, target: mount.target, readOnly };
  const kept = (mount.options ?? []).filter((option) => KEPT.has(option) && (mount.type === "bind" || !/^z$/i.test(option)));
  const options = [...new Set([...kept, ...(readOnly === true ? ["ro"] : [])])];
  return [source, mount.target, ...(options.length > 0 ? [options.join(",")] : [])].join(":");
}

function takenBy({ fields }: Draft, target: string): string | undefined {
  const clean = target.replace(/(?<=.)\/+$/, "");
  for (const one of Array.isArray(fields["volumes"]) ? (fields["volumes"] as unknown[]) : []) {
    // Most have nothing of it in them, and need no taking apart.
    if (typeof one === "string" && !one.includes(clean)) continue;
    const at = typeof one === "string" ? (splitColons(one)[1] ?? one) : (one as { target: string }).target;
    if (at.replace(/(?<=.)\/+$/, "") === clean) return typeof one === "string" ? one : JSON.stringify(one);
  }
  return undefined;
}

/** `/run:size=64m,mode=1777` */
export const tmpfs: Handler = (at, draft) => {
  for (const item of oneOrMore(at)) {
    const [target = "", options = ""] = splitColons(textOf(item, "a path in the container") ?? "");
    if (target === "") continue;
    const given = options.split(",").filter(Boolean);
    const size = given.find((one) => one.startsWith("size="))?.slice("size=".length);
    const lost = given.filter((one) => !one.startsWith("size=") && one !== "rw");
    carry(item, draft, { type: "tmpfs", target, size, options: lost });
  }
};
