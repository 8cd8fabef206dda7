import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import { type GitRepo, repoOpener } from "./repo.ts";

const AUTHOR = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" };

export type Content = string | Uint8Array | { readonly link: string } | { readonly run: string };

/** A folder of its own with a repository in it that people push to, and room for mirrors and slots. */
export class Origin {
  readonly root = mkdtempSync(join(tmpdir(), "orco-git-"));
  readonly path = join(this.root, "origin");

  constructor() {
    mkdirSync(this.path);
    this.git("init", "--quiet", "--initial-branch=main");
  }

  git(...args: string[]): string {
    const env = { PATH: process.env["PATH"] ?? "", HOME: this.root, GIT_CONFIG_NOSYSTEM: "1", ...AUTHOR };
    const ran = Bun.spawnSync(["git", "-c", "protocol.file.allow=always", ...args], { cwd: this.path, env });
    if (!ran.success) throw new Error(`git ${args.join(" ")}: ${ran.stderr.toString()}`);
    return ran.stdout.toString().trim();
  }

  /** Writes files and commits everything. Returns the 40-hex. */
  commit(files: Readonly<Record<string, Content>> = {}, message = "change"): string {
    for (const [path, content] of Object.entries(files)) this.write(path, content);
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  /** The mirror of `url`, this repository unless another is named. */
  repo(url = this.path, name = "repo.git"): GitRepo {
    return repoOpener({ clock: systemClock(), environment: process.env })({ url, dir: join(this.root, name) });
  }

  async fetched(url = this.path): Promise<GitRepo> {
    const repo = this.repo(url);
    await fetchQuietly(repo);
    return repo;
  }

  slot(name = "blue"): string {
    return join(this.root, "slots", name);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  private write(path: string, content: Content): void {
    const file = join(this.path, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof content === "string" || content instanceof Uint8Array) writeFileSync(file, content);
    else if ("link" in content) symlinkSync(content.link, file);
    else writeFileSync(file, content.run, { mode: 0o755 });
  }
}

export function fetchQuietly(repo: GitRepo): Promise<void> {
  return repo.fetch({ signal: new AbortController().signal, progress: () => undefined });
}
