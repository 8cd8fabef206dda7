import { OrcoError } from "../../kernel/errors.ts";

/** What is no stack but has logs too stands in a namespace of its own: `app.blog`. */
const NAME = /^(?:app\.)?[a-z0-9][a-z0-9-]{0,62}$/;

/** Stack and service names become directories. Throws `invalid` for anything but `[a-z0-9][a-z0-9-]{0,62}`. */
export function checkName(what: "stack" | "service", name: string): string {
  if (!NAME.test(name))
    throw new OrcoError("invalid", `${what} name ${JSON.stringify(name.slice(0, 80))} is not of the form [a-z0-9][a-z0-9-]{0,62}`);
  return name;
}

export function isName(name: string): boolean {
  return NAME.test(name);
}
