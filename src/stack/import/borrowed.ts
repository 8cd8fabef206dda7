import { FORBIDDEN_KEYS } from "../load/parse.ts";
import type { Cursor } from "./cursor.ts";
import { addDependency } from "./depends.ts";
import { carry, mountOf } from "./mounts.ts";
import { type Handler, put, rebased } from "./project.ts";
import { oneOrMore, splitColons, textOf } from "./values.ts";

/** Files of this machine that a service gets under another name: configs and secrets of the whole file, volumes of another service. */

interface Grant {
  readonly name: string;
  readonly target: string | undefined;
  readonly declared: Cursor;
}

function grantOf(at: Cursor, kind: "configs" | "secrets", root: Cursor): Grant | undefined {
  const long = at.node.kind === "map";
  const name = long ? (at.in("source")?.text ?? "") : textOf(at, `the name of one of the ${kind}`);
  if (name === undefined) return undefined;
  const declared = root.in(kind)?.in(name);
  if (!declared) return at.fail(`${JSON.stringify(name)} is not declared under ${kind}`);
  for (const [key, field] of at.fields()) {
    if (key === "source" || key === "target") continue;
    if (kind === "secrets") field.dropped("secrets are files of the user of the container, mode 0400");
    else field.dropped("the file is bound as it is, with the owner and the mode it has");
  }
  return { name, target: at.in("target")?.text, declared };
}

export const configs: Handler = (at, draft) => {
  for (const item of oneOrMore(at)) {
    const grant = grantOf(item, "configs", draft.project.root);
    if (!grant) continue;
    const file = grant.declared.in("file");
    const target = grant.target ?? `/${grant.name}`;
    if (!file) {
      item.dropped(`config ${grant.name} is no file: save it as one and add volumes: ["./${grant.name}:${target}:ro"]`);
      continue;
    }
    carry(item, draft, { type: "bind", source: rebased(file.text, file, draft.project), target, options: ["ro"] });
    item.changed(undefined, "a config is a file that is bound read-only");
  }
};

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

export const secrets: Handler = (at, draft) => {
  for (const item of oneOrMore(at)) {
    const grant = grantOf(item, "secrets", draft.project.root);
    if (!grant) continue;
    const { declared, target } = grant;
    const name = target !== undefined && NAME.test(target) && !FORBIDDEN_KEYS.has(target) ? target : grant.name;
    const [file, variable] = [declared.in("file"), declared.in("environment")];
    const path = target?.startsWith("/") ? { path: target } : {};
    if (!NAME.test(name)) item.dropped(`${JSON.stringify(name)} cannot be the name of a secret: letters, digits, _ . and -`);
    else if (file) item.carried(put(draft, ["secrets", name], { file: rebased(file.text, file, draft.project), as: "file", ...path }));
    else if (variable) item.carried(put(draft, ["secrets", name], { env: variable.text, as: "file", ...path }));
    else
      item.dropped(`secret ${grant.name} is kept elsewhere: save it as a file and add secrets: { ${name}: { file: ./${name}, as: file } }`);
  }
};

export const volumesFrom: Handler = (at, draft) => {
  for (const item of oneOrMore(at)) {
    const [name = "", mode] = splitColons(textOf(item, "the name of a service") ?? "");
    const other = draft.project.root.in("services")?.in(name);
    const target = draft.project.names.get(name);
    if (name === "container" || !other || target === undefined) {
      if (name === "container") item.dropped("a container outside of the stack: name its volumes");
      else item.fail(`there is no service ${name} to take volumes from`);
      continue;
    }
    const mounts = (other.in("volumes")?.items() ?? []).map(mountOf);
    const shared = mounts.filter((mount) => mount?.source !== undefined);
    for (const mount of shared) if (mount) carry(item, draft, { ...mount, ...(mode === "ro" && { options: ["ro"] }) });
    addDependency(draft, target, "started");
    if (shared.length < mounts.length) item.dropped(`some volumes of ${name} cannot be shared by name: give them one`);
    else item.changed(undefined, `the volumes of ${name} are listed here as well`);
  }
};
