import type { Cursor } from "./cursor.ts";
import { type Draft, type Handler, put } from "./project.ts";
import { commandOf, durationOf, flagOf, known, numberOf, shell, textOf } from "./values.ts";

/** What docker takes where a healthcheck says nothing. */
const DEFAULT_PERIOD = "30s";

export const healthcheck: Handler = (at, draft) => {
  if (at.node.kind !== "map") return at.fail("expected a mapping with test");
  const disable = at.in("disable");
  const test = at.in("test");
  if (disable) disable.carried(undefined, "a service without health is ready when it is started");
  if ((disable && flagOf(disable) === true) || isNone(test)) {
    for (const [key, field] of at.fields()) if (key !== "disable") field.carried(undefined, "without meaning: the health check is off");
    return undefined;
  }
  const command = test && !test.isNothing ? testOf(test) : undefined;
  if (!test || test.isNothing || command === undefined) {
    for (const [key, field] of at.fields())
      if (key !== "disable") field.dropped("orco does not read the HEALTHCHECK of an image: write what it runs as health.command");
    return undefined;
  }
  test.carried(put(draft, ["health", "command"], command));
  put(draft, ["health", "interval"], DEFAULT_PERIOD);
  put(draft, ["health", "timeout"], DEFAULT_PERIOD);
  for (const [key, field] of at.fields()) if (key !== "test" && key !== "disable") (known(FIELDS, key) ?? unknown)(field, draft);
  put(draft, ["health", "onUnready"], "none");
  return undefined;
};

function isNone(test: Cursor | undefined): boolean {
  return test?.items()[0]?.text === "NONE" || test?.text === "NONE";
}

function testOf(test: Cursor): readonly string[] | undefined {
  const command = commandOf(test);
  if (typeof command === "string") return command.trim() === "" ? test.fail("the test is empty") : shell(command);
  const [form, ...words] = command ?? [];
  if (form === "CMD" && words.length > 0) return words;
  if (form === "CMD-SHELL" && words.length === 1) return shell(words[0] ?? "");
  return test.fail("expected a text, [CMD, word, …], [CMD-SHELL, text] or [NONE]");
}

const period =
  (field: string): Handler =>
  (at, draft) => {
    const text = durationOf(at);
    if (text === undefined) return;
    // Docker takes zero for its default.
    if (/^0[a-z]*$/.test(text) && field !== "gracePeriod")
      return at.changed(put(draft, ["health", field], DEFAULT_PERIOD), "docker takes 0 for its default, 30s");
    at.carried(put(draft, ["health", field], text));
  };

const FIELDS: Readonly<Record<string, Handler>> = {
  interval: period("interval"),
  timeout: period("timeout"),
  start_period: period("gracePeriod"),
  start_interval: (at) => at.dropped("not needed: until it has been ready once, orco asks after 6, 12, 25, 50, 100 … ms"),
  retries: (at, draft) => {
    const count = numberOf(at, "a whole number");
    if (count === 0) return at.changed(put(draft, ["health", "failureThreshold"], 3), "docker takes 0 for its default, 3");
    if (count !== undefined) at.carried(put(draft, ["health", "failureThreshold"], count));
  },
};

function unknown(at: Cursor): void {
  at.dropped("no key of a healthcheck");
}

/** Compose has several hooks of a kind, orco one command of each. */
export function hooks(field: "preStart" | "postStart" | "preStop"): Handler {
  return (at, draft) => {
    const commands: (readonly string[])[] = [];
    const items = at.node.kind === "list" ? at.items() : [at];
    for (const item of items) {
      const inner = item.in("command");
      const command = inner && !inner.isNothing ? commandOf(inner) : item.fail("a hook needs a command");
      if (command === undefined) continue;
      commands.push(typeof command === "string" ? shell(command) : command);
      for (const [key, one] of item.fields()) if (key !== "command") one.dropped(hookReason(key, field));
    }
    const [first] = commands;
    if (!first) return;
    const place = put(draft, ["hooks", field], commands.length === 1 ? first : shell(commands.map(quoted).join(" && ")));
    for (const item of items)
      item
        .in("command")
        ?.[commands.length === 1 ? "carried" : "changed"](
          place,
          commands.length === 1 ? "a hook may take 30s: timeout gives it longer" : "one command for all, one after another",
        );
  };
}

function hookReason(key: string, field: string): string {
  if (key === "image" && field === "preStart") return "a hook runs with the image of its service";
  return `a hook runs as its service does: ${key} is that of the service`;
}

function quoted(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}

export const stopSignal: Handler = (at, draft) => {
  const text = textOf(at, "a signal");
  if (text === undefined) return;
  if (/RTM(?:IN|AX)|^\d+$/.test(text))
    at.dropped(`orco stops with signals that have a name: ${text} is none; name one, or use stop.command`);
  else at.carried(put(draft, ["stop", "signal"], text));
};

export const stopGracePeriod: Handler = (at: Cursor, draft: Draft) => {
  const text = durationOf(at);
  if (text !== undefined) at.carried(put(draft, ["stop", "timeout"], text));
};
