import type { Cursor } from "./cursor.ts";
import { type Draft, type Handler, isThere, push, put, rebased } from "./project.ts";
import { oneOrMore, pairsOf, textOf } from "./values.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
const OWN = new Set(["ORCO_STACK", "ORCO_SERVICE", "ORCO_REPLICA", "ORCO_INSTANCE", "ORCO_SECRETS_DIR"]);

export const environment: Handler = (at, draft) => {
  const pairs = pairsOf(at);
  const last = new Map(pairs.map((pair) => [pair.key, pair]));
  for (const pair of pairs) {
    const { key, value, at: item } = pair;
    if (!NAME.test(key)) item.dropped(`${JSON.stringify(key)} cannot be the name of a variable`);
    else if (OWN.has(key)) item.dropped(`${key} is set by orco`);
    else if (last.get(key) !== pair) item.dropped(`${key} is set again below`);
    else if (value !== undefined) item.carried(put(draft, ["env", key], value));
    else passedOn(key, item, draft);
  }
};

/** `${NAME}`, if that can be written. */
function passedOn(key: string, item: Cursor, draft: Draft): void {
  if (!canBeTaken(key)) return item.dropped(`\${${key}} cannot be written: give ${key} a value`);
  const place = put(draft, ["env", key], `\${${key}}`);
  item.changed(place, `orco up wants ${key} set in its environment (compose leaves it out when it is not)`);
}

export function canBeTaken(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

export const envFile: Handler = (at, draft) => {
  for (const item of oneOrMore(at)) {
    if (item.node.kind !== "map") fileTo(item, draft);
    else {
      const path = item.in("path");
      if (!path || path.isNothing) item.fail("an env_file needs a path");
      for (const [key, field] of item.fields()) {
        if (key === "path" && !field.isNothing) fileTo(field, draft, item);
        else if (key === "required") field.changed(undefined, "a file that orco is told of must be there");
        else if (key === "format")
          field.dropped("orco reads quotes and never puts variables in: what compose calls raw has its quotes too");
        else field.dropped("no key of an env_file");
      }
    }
  }
};

function fileTo(at: Cursor, draft: Draft, entry?: Cursor): void {
  const text = textOf(at, "a path");
  if (text === undefined) return;
  const path = rebased(text, at, draft.project);
  const there = isThere(path, draft.project);
  if (!there && entry?.in("required")?.text === "false")
    return at.dropped(`${path} is not there and need not be: add envFromFile: ${path} once it is`);
  const place = push(draft, "envFromFile", path);
  at.carried(place);
  if (!there) at.book.ledger.note(at.path, `${path} is not there yet: orco up needs it`);
}

/** `labels` of the service, and of its `deploy`. */
export const labels: Handler = (at, draft) => {
  for (const { key, value, at: item } of pairsOf(at)) {
    if (key.startsWith("orco.")) item.dropped("labels that begin with orco. are orco's own");
    else item.carried(put(draft, ["labels", key], value ?? ""));
  }
};
