import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { unaccounted } from "./accounted.fake.ts";
import { importText, loaded } from "./sample.fake.ts";

const name = fc.constantFrom("db", "My_Api", "web", "cache.1", "job");
const word = fc.constantFrom("x", "a b", "${V}", "${V:-d}", "$$x", "", "8080", "yes", "#no", "a: b", "line\nline");
const texts = fc.array(word, { maxLength: 3 });
const env = fc.oneof(
  fc.dictionary(fc.constantFrom("A", "B_C", "PORT", "d.e"), fc.oneof(word, fc.integer(), fc.boolean(), fc.constant(null))),
  fc.constant(["A=1", "B", "C="]),
);
const port = fc.oneof(
  fc.integer({ min: 1, max: 60_000 }).map((number) => `${number}:80`),
  fc.constantFrom("80", "127.0.0.1::80", "[::1]:90:90", "3000-3002:3000-3002", "${PORT:-80}:80", "7000-7009:70"),
  fc.record(
    { target: fc.constantFrom(80, 81), published: fc.constantFrom("8000", 8001), mode: fc.constantFrom("host", "ingress") },
    { requiredKeys: ["target"] },
  ),
);
const volume = fc.oneof(
  fc.constantFrom("./a:/a", "data:/data:ro", "/anon", "~/x:/x:z", "data:/d2:nocopy", "${D}:/var"),
  fc.record({
    type: fc.constantFrom("bind", "tmpfs", "npipe"),
    source: fc.constant("./b"),
    target: fc.constantFrom("/b", "/c"),
    read_only: fc.boolean(),
  }),
);
const fields = fc.record(
  {
    image: word.map((text) => `i${text.replace(/\s|[:#]/g, "")}`),
    command: fc.oneof(word, texts),
    entrypoint: fc.oneof(word, texts),
    environment: env,
    labels: env,
    ports: fc.uniqueArray(port, { maxLength: 1 }),
    volumes: fc.array(volume, { maxLength: 4 }),
    tmpfs: fc.constantFrom("/run", ["/run:size=1m", "/tmp"]),
    restart: fc.constantFrom("no", "always", "unless-stopped", "on-failure", "on-failure:3", "${R:-always}"),
    healthcheck: fc.record(
      {
        test: fc.oneof(word, fc.constantFrom(["CMD", "x"], ["CMD-SHELL", "x y"], ["NONE"])),
        interval: fc.constantFrom("1s", "500us", "0s"),
        retries: fc.nat(9),
        disable: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    deploy: fc.record(
      {
        replicas: fc.nat(2),
        mode: fc.constantFrom("replicated", "global"),
        resources: fc.record({ limits: fc.record({ cpus: fc.constantFrom("0.5", 2), memory: fc.constantFrom("1g", "0") }) }),
        update_config: fc.record(
          { parallelism: fc.nat(2), order: fc.constantFrom("start-first", "stop-first"), delay: fc.constant("1s") },
          { requiredKeys: [] },
        ),
        placement: fc.record({ constraints: texts }),
      },
      { requiredKeys: [] },
    ),
    networks: fc.constantFrom(["n"], { n: null }, { n: { aliases: ["web2"] } }),
    stop_grace_period: fc.constantFrom("1m", "1.5s"),
    cap_add: texts,
    privileged: fc.boolean(),
    extra_hosts: fc.constantFrom(["a:1.2.3.4"], { "host.docker.internal": "host-gateway" }),
    logging: fc.record({ driver: fc.constantFrom("json-file", "syslog"), options: fc.constant({ "max-size": "1m", other: "x" }) }),
    ulimits: fc.constantFrom({ nofile: 10 }, { nproc: { soft: 1, hard: 2 } }),
    "x-own": fc.jsonValue({ maxDepth: 1 }).map((value) => (typeof value === "object" ? "x" : value)),
    unheard_of: fc.constantFrom(1, { a: ["b"] }),
  },
  { requiredKeys: ["image"] },
);
const file = fc.record({
  services: fc.dictionary(name, fields, { minKeys: 1, maxKeys: 4 }).map((services) => {
    // Host ports are one's own: two that meet are refused, by compose as well.
    Object.values(services).forEach((one, index) => index > 0 && delete one.ports);
    return services;
  }),
  networks: fc.constantFrom({ n: null }, { n: { driver: "bridge", ipam: { config: [{ subnet: "10.0.0.0/24" }] } } }),
  volumes: fc.constantFrom({ data: null }, { data: { driver: "nfs" } }, { data: { external: true } }),
  version: fc.constantFrom("3", 3.8),
});

test("each key of any file is in the report, and the result loads", () => {
  fc.assert(
    fc.property(file, (compose) => {
      const source = stringify(compose);
      const found = importText(source);
      // What compose refuses as well, such as an empty health check, is refused by place.
      if (found.diagnostics.length > 0) return;
      expect(unaccounted(source, found.report)).toEqual([]);
      expect(found.report.filter(({ reason }) => reason === "" || reason === "orco has no place for it")).toEqual([]);
      loaded(found);
    }),
    { numRuns: 100 },
  );
}, 60_000);
