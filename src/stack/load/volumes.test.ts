import { expect, test } from "bun:test";
import type { VolumeSpec } from "../spec.ts";
import { oneService, problems } from "./load-text.ts";

const files = { "/app/conf/a": "", "/srv/x": "", "/home/me/data/a": "" };
const env = { HOME: "/home/me" };

function volumes(list: string): readonly VolumeSpec[] {
  return oneService(`image: x\nvolumes: ${list}`, { files, env }).volumes;
}

function found(list: string): string | undefined {
  return problems(`image: x\nvolumes: ${list}`, { files, env })[0];
}

test.each<[string, VolumeSpec]>([
  ["data:/var/lib", { kind: "volume", name: "data", target: "/var/lib", readOnly: false, external: false }],
  ["data:/var/lib/:rw", { kind: "volume", name: "data", target: "/var/lib", readOnly: false, external: false }],
  ["./conf:/etc//app/../conf:ro,z", { kind: "bind", source: "/app/conf", target: "/etc/conf", readOnly: true, selinux: "z" }],
  ["../srv/x:/x:Z", { kind: "bind", source: "/srv/x", target: "/x", readOnly: false, selinux: "Z" }],
  [".:/src", { kind: "bind", source: "/app", target: "/src", readOnly: false }],
  ["~/data:/d", { kind: "bind", source: "/home/me/data", target: "/d", readOnly: false }],
  ["~:/d", { kind: "bind", source: "/home/me", target: "/d", readOnly: false }],
  ["/cache", { kind: "anonymous", target: "/cache" }],
])("%s", (text, volume) => {
  expect(volumes(`["${text}"]`)).toEqual([volume]);
});

test("the long form says the same, and what the short one cannot", () => {
  expect(
    volumes(
      "[{source: ./conf, target: /a, readOnly: true}, {source: data, target: /b}, {target: /c}, {type: tmpfs, target: /d, size: 64M}, {source: pg, target: /e, external: true}, {type: bind, source: conf, target: /f, selinux: Z}]",
    ),
  ).toEqual([
    { kind: "bind", source: "/app/conf", target: "/a", readOnly: true },
    { kind: "volume", name: "data", target: "/b", readOnly: false, external: false },
    { kind: "anonymous", target: "/c" },
    { kind: "tmpfs", target: "/d", sizeBytes: 64 * 2 ** 20 },
    { kind: "volume", name: "pg", target: "/e", readOnly: false, external: true },
    { kind: "bind", source: "/app/conf", target: "/f", readOnly: false, selinux: "Z" },
  ]);
});

test.each([
  ["['./none:/x']", "6:15 services.a.volumes[0]: /app/none does not exist [make it first: orco makes no folders of this machine"],
  ["['data:var']", '6:15 services.a.volumes[0]: "var" is no absolute path inside the container [for example "/var"]'],
  [
    "['./conf']",
    '"./conf" is no absolute path inside the container [a path of this machine needs its place in the container: "./conf:/data"]',
  ],
  ["['a:/x', 'b:/x/']", "6:23 services.a.volumes[1]: two volumes at /x"],
  ["['C:\\data:/x']", "is a path of Windows"],
  ["['C:/data:/x']", "is a path of Windows"],
  ["['conf/a:/x']", '"conf/a" cannot be the name of a volume [a path of this machine begins with ./ or /: "./conf/a"]'],
  ["['a:/x:rx']", '"rx" is no option of a volume [known are ro, rw, z, Z, separated by commas]'],
  ["['a:/x:ro,rw']", "a volume is either ro or rw"],
  ["['a:/x:z']", "z labels folders of this machine"],
  ["['a:/:ro']", "cannot take the place of the container's whole file system"],
  ["['a:b:/c:ro:z']", "too many colons"],
  ["[':/x']", 'expected a volume such as "data:/var/lib/data"'],
  ["['~bob/x:/x']", "~bob/x: only ~ itself is known"],
  ["[{target: /x, read_only: true}]", 'unknown key "read_only" in volumes[0] [did you mean "readOnly"?]'],
  ["[{source: a}]", "volumes[0] has no target"],
  ["[{type: bind, target: /x}]", "a bind needs a source"],
  ["[{type: tmpfs, source: a, target: /x}]", "it has no source"],
  ["[{source: a, target: /x, size: 1M}]", "size is for type: tmpfs"],
  ["[{source: ./conf, target: /x, external: true}]", "external is for volumes with a name"],
  ["[{type: nfs, target: /x}]", "expected one of bind, volume, tmpfs"],
  ["{data: /x}", "expected a list of volumes"],
  ["[[a]]", "expected"],
])("%s is refused", (list, message) => {
  expect(found(list)).toContain(message);
});

test("paths are not looked at where files are not checked, nor of what is left out", () => {
  expect(problems("image: x\nvolumes: ['./none:/x']\nbuild: none\nwatch: [{path: none, action: rebuild}]", { checkFiles: false })).toEqual(
    [],
  );
  expect(problems("image: x\nvolumes: ['./none:/x']\ndisabled: true")).toEqual([]);
});

test("~ without a HOME leads nowhere", () => {
  expect(problems("image: x\nvolumes: ['~/x:/x']")[0]).toContain("HOME is not set");
});
