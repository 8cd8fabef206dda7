import { posix } from "node:path";
import { byForm, type Field, flag, list, mapped, object, oneOf, parsedText, type Place, type Read, text, titled, told } from "./field.ts";
import type { Node } from "./source.ts";
import { size } from "./units.ts";

const WANTED = 'a volume such as "data:/var/lib/data", "./conf:/etc/app:ro" or "/var/cache"';
const OPTIONS = ["ro", "rw", "z", "Z"];
/** `c:/x` alone is a volume of one letter. */
const WINDOWS = /^(?:[A-Za-z]:\\|[A-Za-z]:\/[^:]*:\/|\\\\)/;
const WINDOWS_SOURCE = /^(?:[A-Za-z]:[\\/]|\\\\)/;
const OF_THIS_MACHINE = "write it as this machine has it: /c/data or ./data";
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** A volume as the file has it; `index` is its place in the list. */
export interface DeclaredVolume {
  readonly type: "bind" | "volume" | "tmpfs";
  readonly source?: string;
  /** Absolute, without `..` and doubled slashes. */
  readonly target: string;
  readonly readOnly: boolean;
  readonly external: boolean;
  readonly size?: number;
  readonly selinux?: "z" | "Z";
  readonly index: number;
}

type Volume = Omit<DeclaredVolume, "index">;

/** `./x`, `/x`, `~/x` are places on this machine, anything else is the name of a volume. */
function isHostPath(source: string): boolean {
  return /^(?:\/|\.{1,2}(?:\/|$)|~)/.test(source);
}

const short: Field<Volume> = titled(
  "volume",
  parsedText(WANTED, (raw, node, at) => {
    if (WINDOWS.test(raw)) return at.fail(node, `${raw} is a path of Windows`, { hint: OF_THIS_MACHINE }) ?? EMPTY;
    const parts = raw.split(":");
    if (parts.length > 3)
      return at.fail(node, `${raw} has too many colons`, { hint: "write it as {type, source, target} when a path has a colon" }) ?? EMPTY;
    const [source, target, options] = parts.length === 1 ? [undefined, raw] : parts;
    if (target === undefined || source === "") return undefined;
    const place = targetOf(target, node, at);
    const mode = options === undefined ? {} : modeOf(options, node, at);
    if (place === undefined || mode === undefined) return EMPTY;
    const type = source !== undefined && isHostPath(source) ? "bind" : "volume";
    if (type === "volume" && mode.selinux !== undefined) {
      const message = `${mode.selinux} labels folders of this machine for SELinux; volumes of docker have theirs`;
      return at.fail(node, message, { hint: `take :${mode.selinux} away` }) ?? EMPTY;
    }
    const volume: Volume = { type, target: place, readOnly: false, external: false, ...mode, ...(source !== undefined && { source }) };
    return checked(volume, node, at) ?? EMPTY;
  }),
);

/** Stands for one that is reported already. */
const EMPTY: Volume = { type: "volume", target: "", readOnly: false, external: false };

function modeOf(options: string, node: Node, at: Place): Partial<Volume> | undefined {
  const given = options.split(",");
  const unknown = given.find((option) => !OPTIONS.includes(option));
  if (unknown !== undefined)
    return at.fail(node, `"${unknown}" is no option of a volume`, { hint: `known are ${OPTIONS.join(", ")}, separated by commas` });
  for (const [one, other] of [
    ["ro", "rw"],
    ["z", "Z"],
  ] as const)
    if (given.includes(one) && given.includes(other)) return at.fail(node, `a volume is either ${one} or ${other}`);
  const selinux = given.includes("z") ? "z" : given.includes("Z") ? "Z" : undefined;
  return { readOnly: given.includes("ro"), ...(selinux && { selinux }) };
}

function targetOf(target: string, node: Node, at: Place): string | undefined {
  const clean = posix.normalize(target).replace(/(?<=.)\/$/, "");
  if (!target.startsWith("/"))
    return at.fail(node, `"${target}" is no absolute path inside the container`, {
      hint: isHostPath(target) ? `a path of this machine needs its place in the container: "${target}:/data"` : `for example "/${target}"`,
    });
  return clean === "/" ? at.fail(node, "a volume cannot take the place of the container's whole file system") : clean;
}

const longFields = {
  type: told("Default: bind for a source that begins with /, . or ~, else volume.", oneOf(["bind", "volume", "tmpfs"]), {
    example: "tmpfs",
  }),
  source: told(
    "Path of this machine (bind) or name (volume). Default: a volume of the replica's own.",
    text({ wanted: "a path, or the name of a volume" }),
    {
      example: "data",
    },
  ),
  target: told("Absolute path inside the container.", text({ wanted: "a path inside the container" }), { example: "/var/lib/data" }),
  readOnly: told("It cannot be written to.", flag, { default: false, example: true }),
  external: told("The volume is made and removed by somebody else, and has just this name.", flag, { default: false, example: true }),
  size: told("Size of a tmpfs.", size, { example: "64Mi" }),
  selinux: told("Label of a bind: z shared, Z its own.", oneOf(["z", "Z"]), { example: "z" }),
};

const long: Field<Volume> = mapped(object(longFields, { required: ["target"] }), (declared, node, at) => {
  const { source, readOnly = false, external = false } = declared;
  if (declared.target === undefined) return undefined;
  const target = targetOf(declared.target, node, at);
  if (target === undefined) return undefined;
  const type = declared.type ?? (source !== undefined && isHostPath(source) ? "bind" : "volume");
  const problem = contradiction(declared, type);
  if (problem !== undefined) return at.fail(node, problem);
  const { size: bytes, selinux } = declared;
  return checked(
    {
      type,
      target,
      readOnly,
      external,
      ...(source !== undefined && { source }),
      ...(bytes !== undefined && { size: bytes }),
      ...(selinux && { selinux }),
    },
    node,
    at,
  );
});

function contradiction({ source, external, size: bytes, readOnly, selinux }: Read<typeof longFields>, type: string): string | undefined {
  if (type === "bind" && source === undefined) return "a bind needs a source, a path of this machine";
  if (type === "tmpfs" && source !== undefined) return "a tmpfs is memory: it has no source";
  if (type === "tmpfs" && readOnly) return "a tmpfs that nobody may write to stays empty";
  if (type !== "tmpfs" && bytes !== undefined) return "size is for type: tmpfs";
  if (type !== "bind" && selinux !== undefined) return "selinux is for type: bind";
  if (external && (type !== "volume" || source === undefined)) return "external is for volumes with a name (source)";
  if (type === "volume" && source === undefined && readOnly)
    return "a volume of its own that nobody may write to stays empty; give it a name";
  return undefined;
}

function checked(volume: Volume, node: Node, at: Place): Volume | undefined {
  const { type, source } = volume;
  if (source === undefined) return volume;
  if (WINDOWS_SOURCE.test(source)) return at.fail(node, `${source} is a path of Windows`, { hint: OF_THIS_MACHINE });
  if (type === "bind") return volume;
  if (NAME.test(source)) return volume;
  const hint = source.includes("/") ? `a path of this machine begins with ./ or /: "./${source}"` : "letters, digits, _ . and -";
  return at.fail(node, `"${source}" cannot be the name of a volume`, { hint });
}

export const volumes: Field<DeclaredVolume[]> = list(
  mapped(byForm<Volume>({ scalar: short, map: long }), (read, _, at) =>
    read.target === "" ? undefined : { ...read, index: Number(at.path.at(-1)) },
  ),
  "a list of volumes",
);
