import { FORBIDDEN_KEYS } from "../load/parse.ts";

const LENGTH = 63;
export const NAME_RULE = "names are a-z, 0-9 and -, so that they are host names as well";

/** `My_App.1` → `my-app-1`. Never empty. */
export function orcoName(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, LENGTH);
  if (FORBIDDEN_KEYS.has(plain)) return `${plain}-1`;
  return plain === "" ? "service" : plain;
}

/** Each with a name of its own; those that are right already keep theirs. */
export function orcoNames(names: readonly string[]): Map<string, string> {
  const taken = new Set(names.filter((name) => orcoName(name) === name));
  const found = new Map<string, string>();
  for (const name of names) {
    let candidate = orcoName(name);
    if (candidate !== name) {
      for (let count = 2; taken.has(candidate); count++) candidate = `${orcoName(name).slice(0, LENGTH - 4)}-${count}`;
      taken.add(candidate);
    }
    found.set(name, candidate);
  }
  return found;
}
