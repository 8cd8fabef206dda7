import { expect, test } from "bun:test";
import { oneService, problems } from "./load-text.ts";
import { nearest } from "../../kernel/nearest.ts";
import { parsePorts } from "./ports.ts";
import { parseCpu, parseSize } from "./units.ts";
import { splitWords } from "./words.ts";

test("sizes are binary whatever their unit is called", () => {
  expect(["512Mi", "512M", "64m", "1.5G", "1024", "2kb", "10 Mi", "1GiB"].map(parseSize)).toEqual([
    512 * 2 ** 20,
    512 * 2 ** 20,
    64 * 2 ** 20,
    1.5 * 2 ** 30,
    1024,
    2048,
    10 * 2 ** 20,
    2 ** 30,
  ]);
  expect(["", "M", "-1M", "1X", "0", "1e9999"].map(parseSize)).toEqual(Array(6).fill(undefined));
});

test("cores", () => {
  expect(["500m", "0.5", "2", "0", "x"].map(parseCpu)).toEqual([0.5, 0.5, 2, undefined, undefined]);
});

test.each([
  ["8080:80", [{ host: 8080, container: 80, protocol: "tcp" }]],
  ["80", [{ container: 80, protocol: "tcp" }]],
  ["53:53/udp", [{ host: 53, container: 53, protocol: "udp" }]],
  ["127.0.0.1:8080:80", [{ hostIp: "127.0.0.1", host: 8080, container: 80, protocol: "tcp" }]],
  ["[::1]:8080:80", [{ hostIp: "::1", host: 8080, container: 80, protocol: "tcp" }]],
  ["127.0.0.1::80", [{ hostIp: "127.0.0.1", container: 80, protocol: "tcp" }]],
  [
    "9000-9001:80-81",
    [
      { host: 9000, container: 80, protocol: "tcp" },
      { host: 9001, container: 81, protocol: "tcp" },
    ],
  ],
])("port %s", (text, expected) => {
  expect(parsePorts(text)).toEqual(expected as ReturnType<typeof parsePorts>);
});

test.each(["0:80", "65536", "80:0", "a:b", "9000-9002:80-81", "1-60000", "300.1.1.1:80:80", "80/sctp", "80:", "2-1"])(
  "no port: %s",
  (text) => {
    expect(parsePorts(text)).toBeUndefined();
  },
);

test("ports in all forms of the file", () => {
  const ports = oneService(
    'command: [x]\nports: [ 81, "82:82", {host: 83, container: 84}, {container: 85, protocol: udp}, {host: 86} ]',
  ).ports;
  expect(ports).toEqual([
    { container: 81, protocol: "tcp" },
    { host: 82, container: 82, protocol: "tcp" },
    { host: 83, container: 84, protocol: "tcp" },
    { container: 85, protocol: "udp" },
    { host: 86, container: 86, protocol: "tcp" },
  ]);
  expect(problems('command: [x]\nports: ["80/http"]')[0]).toStartWith("6:13 services.a.ports[0]: http is declared in the long form");
});

test("the nearest word is found, nothing far off", () => {
  const words = ["replicas", "restartPolicy", "env", "envFromFile", "health"];
  expect(["replica", "restart_policy", "Env", "helath", "banana"].map((word) => nearest(word, words))).toEqual([
    "replicas",
    "restartPolicy",
    "env",
    "health",
    undefined,
  ]);
});

test("words are split as a shell splits them", () => {
  expect(splitWords(`a  'b c' "d \\"e\\" $x" f\\ g h'i'"j" ""`)).toEqual(["a", "b c", 'd "e" $x', "f g", "hij", ""]);
});
