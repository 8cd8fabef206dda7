import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../../kernel/event.ts";
import { allowanceOf, COMPOSE_ALLOWANCES } from "./allowance.ts";
import { decideCompose } from "./policy.ts";

const LINKS: Readonly<Record<string, string>> = {
  "/w/sock": "/run/docker.sock",
  "/w/away": "/etc",
  "/var/run/docker.sock": "/run/docker.sock",
};
const place = {
  service: "api",
  workspace: "/w",
  allow: [],
  real: (path: string): string => LINKS[path] ?? path,
  sockets: ["/run/docker.sock"],
};

function decide(service: JsonObject, rest: JsonObject = {}, allow: readonly string[] = []): string[] {
  return decideCompose({ services: { api: service }, ...rest }, { ...place, allow }).map(({ pointer }) => pointer);
}

const FORBIDDEN: readonly (readonly [string, JsonObject, string, JsonObject?])[] = [
  ["privileged", { privileged: true }, "/services/api/privileged"],
  ["pid", { pid: "host" }, "/services/api/pid"],
  ["pid", { pid: "container:other" }, "/services/api/pid"],
  ["ipc", { ipc: "host" }, "/services/api/ipc"],
  ["uts", { uts: "host" }, "/services/api/uts"],
  ["cgroup", { cgroup: "host" }, "/services/api/cgroup"],
  ["network_mode", { network_mode: "host" }, "/services/api/network_mode"],
  ["network_mode", { networks: { n: null } }, "/services/api/networks/n", { networks: { n: { name: "host", external: true } } }],
  ["network_mode", { networks: ["n"] }, "/services/api/networks/n", { networks: { n: { external: { name: "host" } } } }],
  ["userns_mode", { userns_mode: "host" }, "/services/api/userns_mode"],
  ["cgroup_parent", { cgroup_parent: "/x" }, "/services/api/cgroup_parent"],
  ["cap_add", { cap_add: ["SYS_ADMIN"] }, "/services/api/cap_add"],
  ["devices", { devices: ["/dev/kvm:/dev/kvm"] }, "/services/api/devices"],
  ["devices", { gpus: "all" }, "/services/api/gpus"],
  ["devices", { deploy: { resources: { reservations: { devices: [{}] } } } }, "/services/api/deploy/resources/reservations/devices"],
  ["device_cgroup_rules", { device_cgroup_rules: ["c 1:3 mr"] }, "/services/api/device_cgroup_rules"],
  ["security_opt", { security_opt: ["seccomp:unconfined"] }, "/services/api/security_opt"],
  ["volumes_from", { volumes_from: ["container:other"] }, "/services/api/volumes_from"],
  ["provider", { provider: { type: "x" } }, "/services/api/provider"],
  ["docker_socket", { use_api_socket: true }, "/services/api/use_api_socket"],
  ["privileged", { post_start: [{ command: "x", privileged: true }] }, "/services/api/post_start"],
  ["build_network", { build: { context: "/w/a", network: "host" } }, "/services/api/build/network"],
  ["build_privileged", { build: { context: "/w/a", privileged: true } }, "/services/api/build/privileged"],
  ["build_privileged", { build: { context: "/w/a", entitlements: ["network.host"] } }, "/services/api/build/entitlements"],
  ["build_ssh", { build: { context: "/w/a", ssh: ["default"] } }, "/services/api/build/ssh"],
  ["outside_files", { build: { context: "/else" } }, "/services/api/build/context"],
  ["outside_files", { build: { context: "/w/away" } }, "/services/api/build/context"],
  ["outside_files", { build: { context: "/w/a", dockerfile: "/else/Dockerfile" } }, "/services/api/build/dockerfile"],
  ["outside_files", { build: { context: "/w/a", additional_contexts: { x: "/else" } } }, "/services/api/build/additional_contexts"],
  ["outside_files", { build: { context: "/w/a", cache_to: ["type=local,dest=/else"] } }, "/services/api/build/cache_to"],
  ["outside_files", { secrets: [{ source: "s" }] }, "/secrets/s/file", { secrets: { s: { file: "/etc/shadow" } } }],
  ["outside_files", { configs: ["c"] }, "/configs/c/file", { configs: { c: { file: "/etc/passwd" } } }],
  ["binds", { volumes: ["/etc:/x:ro"] }, "/services/api/volumes/0"],
  ["binds", { volumes: [{ type: "bind", source: "/w/away", target: "/x" }] }, "/services/api/volumes/0"],
  ["binds", { volumes: [{ type: "bind", source: "/wider", target: "/x" }] }, "/services/api/volumes/0"],
  [
    "binds",
    { volumes: [{ type: "volume", source: "v", target: "/x" }] },
    "/volumes/v/driver_opts",
    { volumes: { v: { driver_opts: { type: "none", o: "rw,bind", device: "/etc" } } } },
  ],
  ["devices", { volumes: ["v:/x"] }, "/volumes/v/driver_opts", { volumes: { v: { driver_opts: { type: "ext4", device: "/dev/sda1" } } } }],
];

for (const [word, service, pointer, rest] of FORBIDDEN)
  test(`${JSON.stringify(service)} is refused, unless ${word} is allowed`, () => {
    expect(decide(service, rest)).toEqual([pointer]);
    expect(
      decide(
        service,
        rest,
        COMPOSE_ALLOWANCES.filter((one) => one !== word),
      ),
    ).toEqual([pointer]);
    expect(decide(service, rest, [word])).toEqual([]);
  });

test("the docker socket is refused by whatever path, also where binds are allowed", () => {
  for (const source of ["/var/run/docker.sock", "/run/docker.sock", "/w/sock", "/run", "/", "/else/docker.sock"])
    expect(decide({ volumes: [`${source}:/x`] }, {}, ["binds"])).toEqual(["/services/api/volumes/0"]);
  expect(decide({ volumes: ["/var/run/docker.sock:/x"] }, {}, ["binds", "docker_socket"])).toEqual([]);
});

test("what a project is made of is not refused, nor what another service asks for", () => {
  const service: JsonObject = {
    build: { context: "/w/a", dockerfile: "sub/Dockerfile", network: "none", additional_contexts: { x: "docker-image://alpine" } },
    volumes: [
      { type: "bind", source: "/w/a", target: "/x" },
      "/w:/y:ro",
      "data:/d",
      "nfs:/n",
      "/anonymous",
      { type: "tmpfs", target: "/t" },
    ],
    network_mode: "service:db",
    ports: ["80:80"],
    cap_drop: ["ALL"],
    cap_add: [],
    privileged: false,
    secrets: [{ source: "s" }],
    user: "root",
  };
  const rest: JsonObject = {
    volumes: {
      data: { driver_opts: { type: "tmpfs", device: "tmpfs" } },
      nfs: { driver_opts: { type: "nfs", device: ":/x", o: "addr=h" } },
    },
    secrets: { s: { file: "/w/s.txt" }, other: { file: "/etc/shadow" } },
  };
  expect(decide(service, rest)).toEqual([]);
  expect(decideCompose({ services: { api: {}, db: { privileged: true } } }, place)).toEqual([]);
});

test("its words are known under the names people give them", () => {
  expect(["Docker-Socket", "host_pid", "privileged", "src/**", "constructor"].map(allowanceOf)).toEqual([
    "docker_socket",
    "pid",
    "privileged",
    undefined,
    undefined,
  ]);
});

test("whatever compose renders, a decision is made of it", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("privileged", "volumes", "build", "secrets", "networks", "pid", "gpus"), fc.jsonValue()),
      (service) => {
        const config = { services: { api: service }, volumes: service["volumes"], secrets: service["secrets"] } as Record<string, Json>;
        expect(Array.isArray(decideCompose(config, place))).toBe(true);
      },
    ),
  );
});
