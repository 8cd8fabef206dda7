import type { Cursor } from "./cursor.ts";
import { canBeTaken } from "./environment.ts";
import { type Draft, type Handler, put, rebased, to } from "./project.ts";
import { commandOf, flagOf, isOpen, known, pairsOf, textOf } from "./values.ts";

export const build: Handler = (at, draft) => {
  if (at.node.kind === "list") return at.fail("expected a path, or a mapping with context");
  if (at.node.kind === "scalar") return contextTo(at, draft, ["build"]);
  for (const [key, field] of at.fields()) {
    if (field.isNothing) field.carried(undefined, "empty");
    else (known(BUILD, key) ?? otherOf(key))(field, draft);
  }
  if (!at.in("context")) put(draft, ["build", "context"], rebased(".", at, draft.project));
  return undefined;
};

const REMOTE = /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\//i;

function contextTo(at: Cursor, draft: Draft, field: readonly [string, ...string[]]): void {
  const text = textOf(at, "a path");
  if (text === undefined) return;
  if (!REMOTE.test(text)) return at.carried(put(draft, field, rebased(text, at, draft.project)));
  const folder = `./${draft.name}`;
  at.changed(put(draft, field, folder), `orco builds folders of this machine: put a clone of ${text} at ${folder}`);
}

const BUILD: Readonly<Record<string, Handler>> = {
  context: (at, draft) => contextTo(at, draft, ["build", "context"]),
  dockerfile: (at, draft) => {
    const text = textOf(at, "a path");
    if (text !== undefined) at.carried(put(draft, ["build", "dockerfile"], text));
  },
  dockerfile_inline: (at, draft) => {
    const file = `Dockerfile.${draft.name}`;
    at.changed(put(draft, ["build", "dockerfile"], file), `a Dockerfile is a file: save what stood here as ${file} in the build context`);
  },
  args: (at, draft) => {
    for (const { key, value, at: item } of pairsOf(at)) {
      if (value === undefined && !canBeTaken(key)) {
        item.dropped(`\${${key}} cannot be written: give ${key} a value`);
        continue;
      }
      const place = put(draft, ["build", "args", key], value ?? `\${${key}}`);
      if (value === undefined) item.changed(place, `orco up wants ${key} set in its environment (compose leaves it out when it is not)`);
      else item.carried(place);
    }
  },
  target: (at, draft) => {
    const text = textOf(at, "a stage");
    if (text !== undefined) at.carried(put(draft, ["build", "target"], text));
  },
};

const NO_BUILD: Readonly<Record<string, string>> = {
  cache_from: "the engine keeps its own cache of layers",
  cache_to: "the engine keeps its own cache of layers",
  no_cache: "the engine keeps its own cache of layers",
  tags: "orco tags the image with the name under image",
  platform: "orco builds for this machine",
  platforms: "orco builds for this machine",
  labels: "orco labels containers, not the images it builds",
  secrets: "orco's builds have no secrets of their own",
  ssh: "orco's builds have no ssh agent",
  additional_contexts: "a build has one context: put what it needs there",
  pull: "orco builds with the base images that are here",
};

function otherOf(key: string): Handler {
  return (at) =>
    at.dropped(
      known(NO_BUILD, key) ??
        (key.startsWith("x-")
          ? "an extension: nothing in orco reads it"
          : `orco's build has no ${key}: context, dockerfile, args and target`),
    );
}

export const pullPolicy: Handler = (at, draft) => {
  const text = textOf(at, "always, never, missing or build");
  if (text === undefined) return;
  if (draft.source.in("build")) at.dropped("pull has no effect on an image that is built here: orco builds when the context has changed");
  else if (text === "always" || text === "never" || text === "missing" || isOpen(text)) at.carried(put(draft, ["pull"], text));
  else if (text === "if_not_present") at.changed(put(draft, ["pull"], "missing"), "the same by its other name");
  else if (/^(?:daily|weekly|every_.+|refresh)$/.test(text))
    at.changed(put(draft, ["pull"], "missing"), `orco does not pull ${text}: pull: always pulls at every start`);
  else if (text === "build") at.dropped("orco builds what has build, when its context has changed");
  else at.fail(`expected always, never, missing, if_not_present or build, not ${JSON.stringify(text)}`);
};

/** `command` and `entrypoint`: an empty one says that what the image has shall not count. */
export function words(field: "command" | "entrypoint"): Handler {
  return (at, draft) => {
    const command = commandOf(at);
    if (command === undefined) return;
    if ((typeof command === "string" ? command : (command[0] ?? "")).trim() === "")
      return at.dropped(`orco cannot take the image's own ${field} away: name the whole ${field}`);
    at.carried(put(draft, [field], command));
  };
}

export function textTo(field: string, wanted: string): Handler {
  return (at, draft) => {
    const text = textOf(at, wanted);
    if (text?.trim() === "") at.carried(undefined, "empty");
    else if (text !== undefined) at.carried(put(draft, [field], text));
  };
}

export const init: Handler = (at, draft) => {
  const flag = flagOf(at);
  if (flag !== undefined) at.carried(put(draft, ["init"], flag));
};

export const profiles: Handler = (at, draft) => {
  const items = at.node.kind === "list" ? at.items() : [at];
  put(
    draft,
    ["profiles"],
    items.map((item) => textOf(item, "the name of a profile") ?? ""),
  );
  at.carried(to(draft, "profiles"), "started with --profile NAME, also here");
};
