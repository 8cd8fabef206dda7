import { expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { assertWebhookUrl, chooseAddresses } from "./webhook-url.ts";

function refusal(url: string, allow: string[] = []): unknown {
  try {
    assertWebhookUrl(url, allow);
  } catch (error) {
    return error instanceof OrcoError ? { code: error.code, errors: error.facts["errors"] } : error;
  }
  return undefined;
}

const INSIDE = [
  "http://127.0.0.1/",
  "http://localhost:8080/",
  "http://api.localhost/",
  "http://2130706433/",
  "http://0x7f.1/",
  "http://0177.0.0.1/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://0.0.0.0/",
  "http://10.1.2.3/",
  "http://192.168.1.1/",
  "http://[fd12::1]/",
  "http://169.254.169.254/",
  "http://[fe80::1]/",
  "http://100.64.0.1/",
  "http://[64:ff9b::10.0.0.1]/",
  "http://[64:ff9b:1::a00:1]/",
  "http://[2002:a00:1::1]/",
  "http://[2001:0:a00:1::1]/",
  "http://127.1/",
  "http://127.0.0.1./",
];

test("only public http and https, without credentials", () => {
  expect(assertWebhookUrl("HTTPS://Hooks.Example.com/a?b=1#c")).toBe("https://hooks.example.com/a?b=1");
  expect(assertWebhookUrl("http://8.8.8.8:8080")).toBe("http://8.8.8.8:8080/");
  for (const url of [
    "ftp://example.com/",
    "file:///etc/passwd",
    "nonsense",
    "",
    "http://u:p@example.com/",
    `http://a/${"x".repeat(2048)}`,
    ...INSIDE,
  ])
    expect([url, refusal(url)]).toEqual([url, { code: "invalid", errors: [{ pointer: "/webhook", detail: expect.any(String) }] }]);
});

test("the operator allows what is inside, and nobody where clouds keep credentials", () => {
  expect(assertWebhookUrl("http://localhost:9/", ["127.0.0.1"])).toBe("http://localhost:9/");
  expect(assertWebhookUrl("http://2130706433/", ["127.0.0.0/8"])).toBe("http://127.0.0.1/");
  expect(assertWebhookUrl("http://[::ffff:10.0.0.1]/", ["10.0.0.0/8"])).toBe("http://[::ffff:a00:1]/");
  expect(refusal("http://10.0.0.1/", ["127.0.0.1"])).toBeDefined();
  for (const url of ["http://169.254.169.254/", "http://[::ffff:a9fe:a9fe]/", "http://100.100.100.200/"])
    expect(refusal(url, ["0.0.0.0/0", "::/0"])).toBeDefined();
});

test("of a name's addresses those that are allowed win, and one that is not public condemns the others", () => {
  expect(chooseAddresses(["127.0.0.1"])(["::1", "127.0.0.1"])).toEqual(["127.0.0.1"]);
  expect(chooseAddresses([])(["8.8.8.8", "1.1.1.1"])).toEqual(["8.8.8.8", "1.1.1.1"]);
  expect(chooseAddresses([])(["8.8.8.8", "127.0.0.1"])).toBeString();
  expect(chooseAddresses(["0.0.0.0/0"])(["8.8.8.8", "169.254.169.254"])).toBeString();
});
