import { expect, test } from "bun:test";
import { brief, loadText, withServices } from "./load-text.ts";

function found(services: string): string[] {
  return loadText(withServices(services)).diagnostics.map(brief);
}

test("dependencies: short form, unknown target, oneself, twice", () => {
  expect(loadText(withServices("a: {command: [x]}\nb: {command: [x], dependsOn: [a]}")).spec?.services["b"]?.dependsOn).toEqual([
    { target: "a", require: "ready" },
  ]);
  expect(found("api: {command: [x]}\nb:\n  command: [x]\n  dependsOn: [apu, {target: b}, api, api]")).toEqual([
    '7:17 services.b.dependsOn[0]: b depends on apu, which is no service of this stack [did you mean "api"?]',
    "7:31 services.b.dependsOn[1].target: b depends on itself",
    "7:40 services.b.dependsOn[3]: depends on api twice",
  ]);
});

test("a probe on a fixed port of this machine that is not declared is warned of", () => {
  const probing = (more: string): string[] => found(`a: {command: [x], health: {http: {url: "http://localhost:8080/"}}${more}}`);
  expect(probing("")[0]).toContain("the probe asks port 8080, which a does not declare");
  for (const fine of [', ports: ["8080:8080"]', ', ports: ["8080"]', ", update: {strategy: recreate}"]) expect(probing(fine)).toEqual([]);
  expect(
    found('a: {command: [x], health: {http: {url: "http://localhost:${PORT}/"}, tcp: {address: "db.local:1"}}, ports: ["80"]}'),
  ).toEqual([]);
});

test("a cycle is printed as its path", () => {
  expect(found("a: {command: [x], dependsOn: [b]}\nb: {command: [x], dependsOn: [c]}\nc: {command: [x], dependsOn: [a]}")[0]).toContain(
    "4:33 services.a.dependsOn[0]: dependency cycle: a → b → c → a",
  );
});

test("waiting for the end of what never ends is refused", () => {
  const services = "job: {command: [x]}\nb: {command: [x], dependsOn: [{target: job, require: completed}]}";
  expect(found(services)[0]).toContain("b waits for job to complete, but job is started again whenever it ends");
  expect(found(services.replace("[x]}", "[x], restartPolicy: {condition: on-failure}}"))).toEqual([]);
});

test("a dependency on a left-out service says why it is out", () => {
  const services = "a: {command: [x], profiles: [dev]}\nb: {command: [x], dependsOn: [a]}";
  expect(found(services)[0]).toContain("b depends on a, which is left out: its profile dev is not active");
  expect(loadText(withServices(services), { profiles: ["dev"] }).diagnostics).toEqual([]);
});

test("host ports are declared once per address and protocol", () => {
  const pair = (one: string, two: string): string[] => found(`a: {command: [x], ports: ["${one}"]}\nb: {command: [x], ports: ["${two}"]}`);
  expect(pair("80:1", "80:2")).toEqual([
    "5:29 services.b.ports[0]: host port 80/tcp is declared by a (line 4) already [give one of them another host port, or an address of its own (127.0.0.2:…)]",
  ]);
  expect(pair("80:1", "127.0.0.1:80:2")).toHaveLength(1);
  expect(pair("80-82:1-3", "81:2")).toHaveLength(1);
  expect(pair("127.0.0.1:80:1", "127.0.0.2:80:2")).toEqual([]);
  expect(pair("80:1", "80:2/udp")).toEqual([]);
  expect(pair("80", "80")).toEqual([]);
});

function refused(services: string): (string | undefined)[] {
  return loadText(withServices(services)).diagnostics.map(({ severity, feature }) => `${severity} ${feature}`);
}

test.each([
  ["a: {image: x, replicas: 2, ports: ['80:80'], update: {strategy: canary}}", []],
  ["a: {image: x, ports: ['53:53/udp', '80:80']}", []],
  ["a: {image: x, replicas: 2, ports: ['53/udp']}", []],
  ["a: {image: x, replicas: 2, ports: ['53:53/udp']}", ["unsupported edge"]],
  ["a: {image: x, ports: ['53:53/udp'], update: {strategy: blueGreen}}", ["unsupported edge"]],
  ["a: {command: [x], replicas: 2, ports: ['80:80']}", []],
  ["a: {command: [x], replicas: 2, ports: ['80:80/udp']}", ["unsupported edge"]],
  ["a: {command: [x], replicas: 2, ports: ['80']}", []],
  ["a: {command: [x], ports: [{container: 80, protocol: http}]}", []],
  ["a: {command: [x], update: {strategy: canary}}", []],
  ["a: {command: [x], update: {strategy: blueGreen}}", []],
  ["a: {command: [x], ports: ['80:80'], update: {strategy: rolling}}", []],
  ["a: {command: [x], ports: ['53:53/udp'], update: {strategy: rolling}}", ["unsupported edge"]],
  ["a: {command: [x], ports: ['53:53/udp']}", []],
  ["a: {command: [x], ports: ['80:80'], update: {strategy: rolling, maxSurge: 0, maxUnavailable: 1}}", []],
  ["a: {command: [x], ports: ['80:80']}", []],
])("%s", (services, expected) => {
  const loaded = loadText(withServices(services));
  expect(refused(services)).toEqual(expected);
  expect(loaded.spec).toBeDefined();
});

test("the default strategy is rolling; recreate for one replica that binds its host port", () => {
  const strategyOf = (fields: string): string | undefined =>
    loadText(withServices(`a: {command: [x], ${fields}}`)).spec?.services["a"]?.update.strategy;
  const probed = "health: {http: {url: 'http://localhost:80/'}}";
  expect([strategyOf("ports: ['80:80']"), strategyOf("ports: ['80']"), strategyOf("replicas: 2")]).toEqual([
    "recreate",
    "rolling",
    "rolling",
  ]);
  expect(strategyOf("ports: [{host: 80, container: 80, protocol: http}]")).toBe("rolling");
  expect(strategyOf(`ports: ['80:80'], ${probed}`)).toBe("rolling");
  expect(strategyOf(`ports: ['81:81'], ${probed}`)).toBe("recreate");
  expect(strategyOf("ports: ['80:80', '53:53/udp']")).toBe("recreate");
});

test("a command that says the host port itself binds it; behind the edge lint warns of that", () => {
  const web = (more: string): string =>
    `a: {command: ["./web", "--port=3000"], ports: ["3000:3000"], health: {http: {url: "http://localhost:3000/"}}${more}}`;
  const alone = loadText(withServices(web("")));
  expect(alone.spec?.services["a"]?.update.strategy).toBe("recreate");
  expect(alone.diagnostics).toEqual([]);
  expect(found(web(", replicas: 2"))).toEqual([
    "4:16 services.a.command: the edge listens on port 3000 for a, which names the port itself: each instance gets one of its own [listen on ${PORT}]",
  ]);
  expect(found('a: {command: ["./web", "--port=${PORT}"], ports: ["3000:3000"], replicas: 2}')).toEqual([]);
});
