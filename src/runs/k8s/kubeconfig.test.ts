import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import { CredentialSource } from "./credentials.ts";
import { type ClusterAccess, clusterAccess } from "./kubeconfig.ts";

const folder = mkdtempSync(join(tmpdir(), "orco-kubeconfig-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function config(cluster: string, user = "{}"): string {
  return `
clusters: [{name: c, cluster: ${cluster}}]
users: [{name: u, user: ${user}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`;
}

function read(text: string): ClusterAccess | undefined {
  return clusterAccess({ KUBECONFIG: file("config", text) });
}

describe("a kubeconfig", () => {
  test("gives server, CA and client certificate, inline or as files beside it", () => {
    file("ca.crt", "CA");
    const inline = Buffer.from("CERT").toString("base64");
    const access = read(
      config(
        "{server: https://a:6443/, certificate-authority: ca.crt, tls-server-name: b}",
        `{client-certificate-data: ${inline}, token: t}`,
      ),
    );
    expect(access).toMatchObject({
      server: "https://a:6443",
      ca: "CA",
      serverName: "b",
      insecure: false,
      user: { cert: "CERT", token: "t" },
    });
  });

  test("of several files the first that names something wins", () => {
    const first = file("first", "current-context: x\nusers: [{name: u, user: {token: mine}}]\n");
    const second = file("second", config("{server: https://b}", "{token: theirs}"));
    expect(clusterAccess({ KUBECONFIG: `${first}:${second}` })).toMatchObject({ server: "https://b", user: { token: "mine" } });
  });

  test("that cannot be used says why, and where", () => {
    expect(() => read("clusters: []")).toThrow("has no current-context");
    expect(() => read("current-context: y")).toThrow('has no context "y"');
    expect(() => read(config("{server: ftp://a}"))).toThrow("has a cluster without a server");
    expect(() => read(config("{server: https://a, proxy-url: http://p}"))).toThrow("proxy");
    expect(() => read(config("{server: https://a, certificate-authority: none.crt}"))).toThrow("no such file");
    expect(() => read(config("{server: https://a}", "{auth-provider: {name: gcp}}"))).toThrow("auth-provider");
    expect(() => read("{")).toThrow("is no YAML");
    expect(() => clusterAccess({ KUBECONFIG: join(folder, "absent") })).toThrow("cannot be read: no such file");
  });

  test("is not needed in a pod, and nothing is found where there is nothing", () => {
    file("token", "pod-token\n");
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443", HOME: folder };
    expect(clusterAccess(env, folder)).toMatchObject({ server: "https://[fd00::1]:443", user: { tokenFile: join(folder, "token") } });
    expect(clusterAccess({ HOME: folder }, folder)).toBeUndefined();
  });
});

describe("credentials", () => {
  test("of a file are read again when they are a minute old, or refused", async () => {
    const clock = new FakeClock();
    const tokenFile = file("rotating", "one");
    const source = new CredentialSource({ tokenFile }, {}, clock);
    expect(await source.get()).toEqual({ token: "one" });
    file("rotating", "two");
    expect(await source.get()).toEqual({ token: "one" });
    source.refuse();
    expect(await source.get()).toEqual({ token: "two" });
    file("rotating", "three");
    await clock.advance(60_000);
    expect(await source.get()).toEqual({ token: "three" });
  });

  test("of a plugin are kept until they expire, and asked for once however many wait", async () => {
    const clock = new FakeClock();
    const count = join(folder, "count");
    const expires = new Date(clock.now() + 600_000).toISOString();
    const plugin = file(
      "plugin",
      `#!/bin/sh\necho x >> ${count}\necho '{"status":{"token":"'$WHO-$1'","expirationTimestamp":"${expires}"}}'\n`,
    );
    chmodSync(plugin, 0o755);
    const exec = { command: "./plugin", args: ["a"], env: { WHO: "me" }, apiVersion: "client.authentication.k8s.io/v1", dir: folder };
    const source = new CredentialSource({ exec }, { PATH: process.env["PATH"] }, clock);
    expect(await Promise.all([source.get(), source.get()])).toEqual([{ token: "me-a" }, { token: "me-a" }]);
    await clock.advance(500_000);
    await source.get();
    expect(await Bun.file(count).text()).toBe("x\n");
    await clock.advance(80_000);
    await source.get();
    expect(await Bun.file(count).text()).toBe("x\nx\n");
  });

  test("that a plugin does not give are an error with its own words", async () => {
    const exec = { command: "sh", args: ["-c", "echo log in first >&2; exit 1"], env: {}, apiVersion: "v1", dir: folder };
    const source = new CredentialSource({ exec }, { PATH: process.env["PATH"] }, new FakeClock());
    expect(source.get()).rejects.toMatchObject({ code: "unauthorized", message: "credentials plugin sh: exit 1: log in first" });
  });
});
