import { expect, test } from "bun:test";
import { OrcoError } from "../../kernel/errors.ts";
import { pullError } from "./pull-error.ts";
import { helperOf, inConfig, registryOf } from "./registry-auth.ts";

test("the registry of an image is its first part, where that is a host", () => {
  for (const [image, registry] of [
    ["postgres:16", "docker.io"],
    ["library/postgres", "docker.io"],
    ["ghcr.io/a/b:1", "ghcr.io"],
    ["localhost/a", "localhost"],
    ["127.0.0.1:5000/a:1", "127.0.0.1:5000"],
    ["a@sha256:0123", "docker.io"],
  ] as const)
    expect(registryOf(image)).toBe(registry);
});

test("what docker keeps is found however it is written", () => {
  const auth = Buffer.from("me:a:b").toString("base64");
  const mine = { username: "me", password: "a:b" };
  expect(inConfig({ auths: { "https://index.docker.io/v1/": { auth } } }, "docker.io")).toMatchObject(mine);
  expect(inConfig({ auths: { "ghcr.io": { auth } } }, "ghcr.io")).toEqual({ ...mine, serveraddress: "ghcr.io" });
  expect(inConfig({ auths: { "ghcr.io": { auth, identitytoken: "t" } } }, "ghcr.io")).toEqual({
    identitytoken: "t",
    serveraddress: "ghcr.io",
  });
  expect(inConfig({ auths: { "ghcr.io": {} } }, "ghcr.io")).toBeUndefined();
  expect(inConfig({}, "ghcr.io")).toBeUndefined();
  expect(helperOf({ credsStore: "desktop", credHelpers: { "https://ghcr.io": "gh" } }, "ghcr.io")).toBe("gh");
  expect(helperOf({ credsStore: "desktop" }, "ghcr.io")).toBe("desktop");
  expect(helperOf({ credsStore: "" }, "ghcr.io")).toBeUndefined();
});

test("what docker says of a pull has a code of ours", () => {
  const said = (message: string, status = 500) => pullError(new OrcoError("internal", `docker: ${message}`, { status }), "ghcr.io/a/b:1");
  for (const [message, code] of [
    ["manifest for ghcr.io/a/b:1 not found: manifest unknown", "not_found"],
    ["pull access denied for a, repository does not exist or may require 'docker login': denied", "not_found"],
    ['Head "https://ghcr.io/v2/a/b/manifests/1": unauthorized', "forbidden"],
    ['Get "https://ghcr.io/v2/": no basic auth credentials', "forbidden"],
    ["Error response from daemon: denied", "forbidden"],
    ["write /var/lib/docker/tmp/GetImageBlob1: no space left on device", "disk_full"],
    ["dial tcp: lookup ghcr.io: no such host", "unavailable"],
    ["dial tcp 1.2.3.4:443: connect: connection refused", "unavailable"],
    ["dial tcp 1.2.3.4:443: i/o timeout", "unavailable"],
    ["toomanyrequests: You have reached your pull rate limit", "unavailable"],
    ["no matching manifest for linux/arm64/v8 in the manifest list entries", "not_found"],
  ] as const)
    expect([message, said(message)]).toMatchObject([message, { code }]);
  expect((said('Get "https://cdn/x?X-Amz-Signature=abc": EOF') as Error).message).not.toContain("abc");
});
