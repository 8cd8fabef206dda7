import { dirname } from "node:path";
import type { PutStack } from "../stack/view.ts";
import type { Context } from "./context.ts";
import { usageError } from "./exit.ts";
import { environmentFor, stackNameOf } from "./stack-file.ts";

/** The request of `up` and `apply`: the file as it is and the caller's variables it names. */
export function putRequest(context: Context): { name: string; body: PutStack } {
  const file = context.stackFile();
  const name = stackNameOf(file, context.io.env);
  const { stack } = context.global;
  if (stack !== undefined && stack !== name) {
    throw usageError(`${file.path} describes the stack ${name}, not ${stack}: leave --stack out, or name the file of ${stack} with -f`);
  }
  const profiles = listOption(context, "profile");
  return {
    name,
    body: {
      source: file.source,
      file: file.path,
      workdir: dirname(file.path),
      env: environmentFor(file, context.io.env),
      ...(profiles.length > 0 && { profiles }),
      ...(context.args.length > 0 && { services: context.args }),
    },
  };
}

export function listOption({ options }: Context, name: string): string[] {
  const value: unknown = options[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
