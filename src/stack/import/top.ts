import { basename } from "node:path";
import { didYouMean } from "../../kernel/nearest.ts";
import type { Cursor } from "./cursor.ts";
import { externalName } from "./mounts.ts";
import { NAME_RULE, orcoName } from "./names.ts";
import { isOpen, known } from "./values.ts";

/** What stands beside `services`. */
type TopHandler = (at: Cursor, project: { readonly folder: string; readonly stack: string }) => void;

const KNOWN = ["version", "name", "include", "services", "networks", "volumes", "configs", "secrets", "models"];

export function convertTop(root: Cursor, project: { readonly folder: string; readonly stack: string }): void {
  for (const [key, at] of root.fields()) {
    if (key === "services") continue;
    if (at.isNothing) at.carried(undefined, "empty");
    else (known(TOP, key) ?? other)(at, project);
  }
}

/** The name of the stack: compose's own, else that of the folder. */
export function stackName(root: Cursor, folder: string): string {
  const written = root.in("name")?.text ?? "";
  if (isOpen(written)) return written;
  return orcoName(written || basename(folder) || "stack");
}

const TOP: Readonly<Record<string, TopHandler>> = {
  version: (at) => at.changed(["version"], "stack.yaml has versions of its own"),
  name: (at, { stack }) => {
    if (stack === at.text) at.carried(["stack", "name"]);
    else at.changed(["stack", "name"], NAME_RULE);
  },
  include: (at) => at.carried(["services"], "what the included files say stands here now"),
  volumes: (at, { stack }) => {
    for (const [name, volume] of at.fields()) oneVolume(name, volume, stack);
  },
  networks: (at) => {
    for (const [name, network] of at.fields()) {
      if (name === "default" && network.isNothing) network.carried(undefined, "every stack has a network of its own");
      else if (network.in("external"))
        network.dropped("orco joins no networks of others: publish a port there, and use host.docker.internal here");
      else network.dropped("a stack has one network, where all its services reach one another by name");
    }
  },
  configs: (at) => granted(at, "content, environment and external configs have no place: save them as files"),
  secrets: (at) => granted(at, "external secrets are a swarm's: save them as files"),
  models: (at) => at.dropped("orco runs containers and processes only"),
};

function oneVolume(name: string, at: Cursor, stack: string): void {
  const outer = externalName(at);
  const own = `orco makes volume ${stack}_${name} where a service uses it`;
  if (at.isNothing) return at.carried(undefined, `${own}; what a volume of compose holds stays there, until it is declared external`);
  for (const [key, field] of at.fields()) {
    if (outer !== undefined && (key === "external" || key === "name"))
      field.changed(undefined, `the services that use ${outer} say external: true`);
    else if (key === "external" || (key === "driver" && field.text === "local")) field.carried(undefined, own);
    else if (key === "name") field.dropped(`${own}; to use the one named ${field.text}, declare it external`);
    else if (key === "driver" || key === "driver_opts")
      field.dropped(`${own}, with docker's local driver: make another one yourself and declare it external`);
    else field.dropped("orco puts labels of its own on what it makes");
  }
}

/** Configs and secrets: what is a file or a variable goes to the services that use it. */
function granted(at: Cursor, otherwise: string): void {
  for (const [, one] of at.fields()) {
    if (one.isNothing) one.fail("expected file, environment or external");
    for (const [key, field] of one.fields()) {
      const kept = key === "file" || (key === "environment" && at.key === "secrets");
      if (kept) field.carried(undefined, "the services that use it name it");
      else if (key === "name" && (one.in("file") ?? one.in("environment"))) field.carried(undefined, "a name for a swarm");
      else field.dropped(key === "labels" ? "orco puts labels of its own on what it makes" : otherwise);
    }
  }
}

function other(at: Cursor): void {
  if (!at.key.startsWith("x-"))
    return at.dropped([`compose has no key ${at.key} that orco knows of`, didYouMean(at.key, KNOWN)].filter(Boolean).join("; "));
  if (isAnchored(at)) at.changed(undefined, "what is aliased (*) has been put in where its alias stood");
  else at.dropped("an extension: nothing in orco reads it");
}

function isAnchored({ key, node }: Cursor): boolean {
  const { text } = node.file;
  const from = text.lastIndexOf(key, node.start);
  const names = [...text.slice(Math.max(0, from), node.end).matchAll(/&([^\s,[\]{}]+)/g)].map(([, name]) => name);
  return names.some((name) => name !== undefined && text.includes(`*${name}`));
}
