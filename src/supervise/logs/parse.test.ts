import { expect, test } from "bun:test";
import { parseLine } from "./parse.ts";

const read = (line: string, format: "auto" | "json" | "text" = "auto") => {
  const { level, message, meta } = parseLine(line, format);
  return { level, message, meta: meta === undefined ? undefined : (JSON.parse(meta) as unknown) };
};

test("level, message and time of a JSON line are recognised, the rest is meta", () => {
  const line = '{"level":50,"time":1700000000000,"msg":"down","pid":7,"err":{"code":"E1"}}';
  expect(read(line)).toEqual({ level: "error", message: "down", meta: { time: 1700000000000, pid: 7, err: { code: "E1" } } });
  expect(read('{"severity":"WARNING","message":"m","timestamp":"t"}')).toEqual({ level: "warn", message: "m", meta: { time: "t" } });
  expect(read('{"lvl":"dbg","msg":"m"}')).toEqual({ level: "debug", message: "m", meta: undefined });
});

test("a field that is not what it seems stays in meta", () => {
  expect(read('{"level":"odd","msg":"m"}')).toEqual({ level: undefined, message: "m", meta: { level: "odd" } });
  expect(read('{"msg":{"a":1},"message":"m"}')).toEqual({ level: undefined, message: "m", meta: { msg: { a: 1 } } });
});

test("without a message the line itself is it", () => {
  expect(read('{"a":1}')).toEqual({ level: undefined, message: '{"a":1}', meta: { a: 1 } });
});

test("what only looks like JSON is text", () => {
  for (const line of ["{oops}", '{"a":1', "[1,2]", "{", `{${'"a":{'.repeat(50)}}`]) expect(read(line).message).toBe(line);
  expect(read('{"msg":"m"}', "text")).toEqual({ level: undefined, message: '{"msg":"m"}', meta: undefined });
  expect(read("ERROR: x", "json").level).toBeUndefined();
});

test("__proto__ in a line is only a field", () => {
  const { meta } = parseLine('{"msg":"m","__proto__":{"polluted":1}}', "auto");
  expect(meta).toBe('{"__proto__":{"polluted":1}}');
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});
