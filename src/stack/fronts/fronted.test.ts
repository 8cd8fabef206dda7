import { expect, test } from "bun:test";
import { serviceSpec } from "../../../test/spec.ts";
import { configHash } from "../config-hash.ts";
import { loadText, withServices } from "../load/load-text.ts";
import type { ServiceSpec } from "../spec.ts";
import { contestedPorts, frontedPorts } from "./fronted.ts";

function service(text: string): ServiceSpec {
  const { spec, diagnostics } = loadText(withServices(`a: {command: [x], ${text}}`));
  const found = spec?.services["a"];
  if (!found) throw new Error(JSON.stringify(diagnostics));
  return found;
}

const PROBE = "health: {http: {url: 'http://localhost:80/'}}";

test.each([
  ["ports: ['80:80']", []],
  ["ports: ['80']", []],
  ["ports: ['80:80'], replicas: 2", ["80 tcp"]],
  [`ports: ['80:80'], ${PROBE}`, ["80 http"]],
  [`ports: ['80:80'], ${PROBE}, update: {strategy: recreate}`, []],
  [`ports: ['80:8080', '81:81'], replicas: 2, health: {http: {url: 'http://127.0.0.1:8080/'}}`, ["80 http", "81 tcp"]],
  ["ports: ['80:80'], update: {strategy: rolling}", ["80 tcp"]],
  ["ports: ['80:80'], update: {strategy: rolling, maxSurge: 0, maxUnavailable: 1}", []],
  ["ports: ['80:80'], update: {strategy: canary, maxSurge: 0, maxUnavailable: 1}", ["80 tcp"]],
  ["ports: ['80:80'], update: {strategy: blueGreen, maxSurge: 0}", ["80 tcp"]],
  ["ports: [{host: 80, container: 80, protocol: http}, '81:81'], update: {strategy: recreate}", ["80 http"]],
  ["ports: ['80:80', '53:53/udp']", []],
])("%s", (text, expected) => {
  expect(frontedPorts(service(text)).map(({ host, protocol }) => `${host} ${protocol}`)).toEqual(expected);
});

test("whether the edge fronts a port is part of the config: one replica more is no change, the second is", () => {
  const hash = (replicas: number): string =>
    configHash(serviceSpec("a", { replicas, ports: [{ host: 80, container: 80, protocol: "tcp" }], update: { ...update, maxSurge: 0 } }));
  const { update } = serviceSpec("a");
  expect(hash(1)).not.toBe(hash(2));
  expect(hash(2)).toBe(hash(3));
  const inside = (replicas: number): string => configHash(serviceSpec("a", { replicas, ports: [{ container: 80, protocol: "tcp" }] }));
  expect(inside(1)).toBe(inside(2));
});

test("two versions contest a port unless both are behind the edge there", () => {
  const [direct, fronted, elsewhere] = [service("ports: ['80:80']"), service("ports: ['80:80'], replicas: 2"), service("ports: ['81:80']")];
  expect([contestedPorts(direct, fronted), contestedPorts(fronted, direct), contestedPorts(direct, direct)]).toEqual([[80], [80], [80]]);
  expect([contestedPorts(fronted, fronted), contestedPorts(direct, elsewhere)]).toEqual([[], []]);
});
