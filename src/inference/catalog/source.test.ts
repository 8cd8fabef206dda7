import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OrcoError } from "../../kernel/errors.ts";
import { ModelRoots } from "./roots.ts";
import { sourceOf } from "./source.ts";

const roots = new ModelRoots(["/srv/models", "/mnt/more"]);
const rules = { roots, allow: ["127.0.0.1", "10.1.0.0/16"], hfBase: "https://huggingface.co" };

function read(text: string): string {
  const source = sourceOf(text, rules);
  return source.kind === "file" ? source.path : `${source.url.href} -> ${source.name}${source.redirects ? " redirects" : ""}`;
}

describe("what a reference means", () => {
  test.each([
    ["a.gguf", "/srv/models/a.gguf"],
    ["org/a.gguf", "/srv/models/org/a.gguf"],
    ["/mnt/more/a.gguf", "/mnt/more/a.gguf"],
    ["file:///mnt/more/a%20b.gguf", "/mnt/more/a b.gguf"],
    ["file://localhost/mnt/more/a.gguf", "/mnt/more/a.gguf"],
    ["file:/mnt/more/a.gguf", "/mnt/more/a.gguf"],
    ["file:a.gguf", "/srv/models/a.gguf"],
    ["https://example.com/x/a.gguf?download=1#f", "https://example.com/x/a.gguf?download=1 -> a.gguf"],
    ["https://example.com/", "https://example.com/ -> model"],
    ["https://example.com/..%2F..%2F.bashrc", "https://example.com/..%2F..%2F.bashrc -> _.._.bashrc"],
    ["http://127.0.0.1:9/a", "http://127.0.0.1:9/a -> a"],
    ["http://10.1.2.3/a", "http://10.1.2.3/a -> a"],
    ["https://10.1.2.3/a", "https://10.1.2.3/a -> a"],
    ["hf:org/repo/a.gguf", "https://huggingface.co/org/repo/resolve/main/a.gguf -> a.gguf redirects"],
    ["hf:org/repo/q/a b.gguf@v1.0", "https://huggingface.co/org/repo/resolve/v1.0/q/a%20b.gguf -> a_b.gguf redirects"],
    ["hf:org/repo/a.gguf@refs/pr/1", "https://huggingface.co/org/repo/resolve/refs%2Fpr%2F1/a.gguf -> a.gguf redirects"],
  ])("%s", (text, meant) => expect(read(text)).toBe(meant));

  test.each([
    "/etc/passwd",
    "../x",
    "a/../../x",
    "file:///etc/passwd",
    "file:///srv/models/../../etc/passwd",
    "file:///srv/models/%2e%2e/%2e%2e/etc/passwd",
    "file://example.com/srv/models/a",
    "file:%2e%2e/x",
    "/srv/models",
    "/srv/models-of-others/a",
    "a\u0000b",
    "",
    "ftp://example.com/a",
    "javascript:alert(1)",
    "http://example.com:x/",
    "http://127.0.0.2/a",
    "http://8.8.8.8/a",
    "https://127.0.0.2/a",
    "http://[::1]/a",
    "https://[::1]/a",
    "https://[::ffff:10.0.0.1]/a",
    "https://0x7f.0.0.2/a",
    "https://2130706434/a",
    "https://169.254.169.254/latest/meta-data",
    "https://2852039166/",
    "https://[::ffff:169.254.169.254]/",
    "https://[fd00:ec2::254]/",
    "https://user:secret@example.com/a",
    "hf:org/repo",
    "hf:org/../x/a",
    "hf:org/repo/../../a",
    "hf:org/repo/a@../x",
  ])("never: %s", (text) => {
    expect(() => read(text)).toThrow(OrcoError);
  });
});

test.each(["https://localhost/a", "https://models.LOCALHOST./a", "http://localhost/a", "https://127.0.0.1/a"])(
  "%s only where it is allowed",
  (text) => {
    expect(sourceOf(text, rules).kind).toBe("remote");
    expect(() => sourceOf(text, { ...rules, allow: [] })).toThrow(OrcoError);
  },
);

test("no reference to a file leads out of the folders, however it is written", () => {
  const part = fc.constantFrom("..", ".", "a", "", "%2e%2e", "models", "srv", "mnt", "more", "%2F", "\\", "~");
  fc.assert(
    fc.property(
      fc.constantFrom("", "/", "file:", "file:/", "file:///", "/srv/models/"),
      fc.array(part, { maxLength: 8 }),
      (start, parts) => {
        try {
          const source = sourceOf(start + parts.join("/"), rules);
          expect(source.kind).toBe("file");
          if (source.kind === "file") expect(roots.covers(source.path)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_PARAMS" });
        }
      },
    ),
  );
});

test("any text is a source or refused", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((text) => `hf:${text}`),
        fc.string().map((text) => `file:${text}`),
      ),
      (text) => {
        try {
          sourceOf(text, rules);
        } catch (error) {
          expect(error).toMatchObject({ code: "INVALID_PARAMS" });
        }
      },
    ),
  );
});
