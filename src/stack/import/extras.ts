import type { Cursor } from "./cursor.ts";
import { type Handler, push, put, rebased } from "./project.ts";
import { isOpen, numberOf, textOf } from "./values.ts";

export const logging: Handler = (at, draft) => {
  const driver = at.in("driver");
  const own = !driver || ["json-file", "local", ""].includes(driver.text);
  if (driver && own) driver.carried(undefined, "orco keeps logs itself, as structured records");
  else driver?.dropped(`orco keeps logs itself (orco logs --json): it does not hand them to ${driver.text}`);
  for (const [name, option] of at.in("options")?.fields() ?? []) {
    if (own && /^-1|^0$/.test(option.text)) option.dropped("orco's logs are always bounded: 4 files of 16Mi where nothing is said");
    else if (own && name === "max-size") option.carried(put(draft, ["logging", "maxFileSize"], textOf(option, "a size") ?? ""));
    else if (own && name === "max-file") {
      const count = numberOf(option, "a whole number");
      if (count !== undefined) option.carried(put(draft, ["logging", "maxFiles"], count));
    } else option.dropped("an option of docker's log driver");
  }
  for (const [key, field] of at.fields()) if (key !== "driver" && key !== "options") field.dropped("no key of logging");
};

export const ulimits: Handler = (at, draft) => {
  for (const [name, field] of at.fields()) {
    if (field.node.kind !== "map") {
      const count = numberOf(field, "a whole number");
      if (count !== undefined) field.carried(put(draft, ["ulimits", name], count));
      continue;
    }
    const [soft, hard] = [field.in("soft"), field.in("hard")];
    if (!soft || !hard) field.fail("a ulimit needs soft and hard, or is a number");
    else field.carried(put(draft, ["ulimits", name], { soft: numberOf(soft, "a number"), hard: numberOf(hard, "a number") }));
  }
};

export const develop: Handler = (at, draft) => {
  for (const [key, field] of at.fields()) {
    if (key !== "watch") field.dropped("no key of develop");
    else for (const item of field.items()) watched(item, draft);
  }
};

const watched: Handler = (at, draft) => {
  const [path, action] = [at.in("path"), at.in("action")];
  if (!path || !action) return at.fail("a watch needs a path and an action");
  const restarts = action.text === "restart";
  const ignore = at.in("ignore");
  const place = push(draft, "watch", {
    path: rebased(path.text, path, draft.project),
    action: restarts ? "restart" : "rebuild",
    ...(ignore && { ignore: ignore.items().map((item) => item.text) }),
  });
  path.carried([...place, "path"]);
  ignore?.carried([...place, "ignore"]);
  if (restarts || action.text === "rebuild") action.carried([...place, "action"]);
  else if (/^(?:sync|sync\+restart|sync\+exec)$/.test(action.text))
    action.changed(
      [...place, "action"],
      "orco copies nothing into containers: it builds anew (or bind the folder and use action: restart)",
    );
  else action.fail(`expected rebuild, restart, sync, sync+restart or sync+exec, not ${JSON.stringify(action.text)}`);
  for (const [key, field] of at.fields())
    if (!["path", "action", "ignore"].includes(key))
      field.dropped(key === "include" ? "write what to leave out, under ignore" : "nothing is copied into the container");
  return undefined;
};

/** `host.docker.internal` leads to this machine by itself. */
export const extraHosts: Handler = (at) => {
  const entries: [string, Cursor][] =
    at.node.kind === "map" ? at.fields() : at.items().map((item) => [item.text.split(/[:=]/)[0] ?? "", item]);
  for (const [name, item] of entries) {
    if (name === "host.docker.internal") item.carried(undefined, "containers of orco reach this machine by that name anyway");
    else item.dropped("containers of orco have no further hosts: use the address itself, or a name of your DNS");
  }
};

/** One period of the scheduler is 100 ms where nothing else is said. */
export const cpuQuota: Handler = (at, draft) => {
  const period = draft.source.in("cpu_period")?.text ?? "100000";
  const cores = Number(at.text) / Number(period);
  if (isOpen(at.text) || !(cores > 0)) return at.dropped("orco takes cores: resources.cpu");
  const place = put(draft, ["resources", "cpu"], String(cores));
  at.changed(place, "a quota of a period is a number of cores");
  draft.source.in("cpu_period")?.changed(place, "a quota of a period is a number of cores");
};

export const networkMode: Handler = (at) => {
  if (at.text === "bridge" || at.text === "default") at.carried(undefined, "every stack has a network of its own");
  else if (at.text === "host")
    at.dropped("containers of orco are on the network of their stack: list under ports what must be reached from outside");
  else if (at.text === "none") at.dropped("containers of orco are on the network of their stack: this one is not cut off");
  else at.dropped("containers of orco share no network stack: they reach one another by name");
};

export const networks: Handler = (at) => {
  const all: [string, Cursor][] = at.node.kind === "map" ? at.fields() : at.items().map((item) => [item.text, item]);
  for (const [name, field] of all) {
    const aliases =
      field
        .in("aliases")
        ?.items()
        .map((one) => one.text) ?? [];
    if (name === "default" && field.isNothing) field.carried(undefined, "every stack has a network of its own");
    else if (aliases.length > 0) field.dropped(`a stack has one network, where a service has its own name only, not ${aliases.join(", ")}`);
    else field.dropped("a stack has one network, where all its services reach one another by name");
  }
};
