import { expect, test } from "bun:test";
import { OrcoError } from "../../kernel/errors.ts";
import { parseRemoteUrl } from "./url.ts";

test("where repositories may be", () => {
  expect(parseRemoteUrl("/srv/my app")).toEqual({ protocol: "file", url: "/srv/my app", shown: "/srv/my app", path: "/srv/my app" });
  expect(parseRemoteUrl("file:///srv/my%20app")).toMatchObject({ protocol: "file", path: "/srv/my app" });
  expect(parseRemoteUrl("https://example.org/team/app.git")).toMatchObject({ protocol: "https", url: "https://example.org/team/app.git" });
  expect(parseRemoteUrl("git@example.org:team/app.git")).toMatchObject({ protocol: "ssh", url: "git@example.org:team/app.git" });
  expect(parseRemoteUrl("ssh://git@example.org:2222/team/app.git")).toMatchObject({ protocol: "ssh" });
  for (const host of ["127.0.0.1:3000", "localhost", "[::1]:80"])
    expect(parseRemoteUrl(`http://${host}/app.git`)).toMatchObject({ protocol: "http" });
});

test("credentials are taken out", () => {
  const remote = parseRemoteUrl("https://me:p%40ss@example.org:8443/app.git");
  expect(remote).toMatchObject({
    url: "https://example.org:8443/app.git",
    shown: "https://example.org:8443/app.git",
    credential: { scope: "https://example.org:8443", user: "me", password: "p@ss" },
  });
  expect(parseRemoteUrl("https://ghp_token@example.org/app.git")).toMatchObject({ credential: { user: "ghp_token", password: "" } });
});

test("everything else is refused, and its secrets not repeated", () => {
  const refused = [
    "",
    "ext::sh -c touch% /tmp/x",
    "ext::sh",
    "fd::17",
    "--upload-pack=touch",
    "-u/tmp/x",
    "relative/path",
    "../up",
    "C:\\repo",
    "git://example.org/app.git",
    "http://example.org/app.git",
    "http://127.0.0.1.example.org/app.git",
    "ftp://example.org/app",
    "file://host/share",
    "https://example.org/app.git?token=SECRET",
    "https://me:SECRET%0aprotocol=http@example.org/a",
    "ssh://me:SECRET@example.org/a",
    "ssh://-oProxyCommand=x/a",
    "-oProxyCommand=x:a",
    "git@-oProxyCommand=x:a",
    "git@example.org:-x",
    "ssh://git@example.org/-x",
    "https://example.org/a b",
    "https://example.org/a\nb",
    "/srv/a\nb",
    "https://",
    "x".repeat(5000),
  ];
  for (const text of refused) {
    const error = ((): unknown => {
      try {
        return parseRemoteUrl(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect([text, error instanceof OrcoError && error.code]).toEqual([text, "invalid"]);
    expect(String(error)).not.toContain("SECRET");
  }
});
