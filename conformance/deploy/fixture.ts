import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
// oxlint-disable-next-line import/default -- it is taken as text
import app from "./fixture/app.mjs" with { type: "text" };

/** What a commit of the fixture app does when it is started. */
export interface Behaviour {
  /** `wait`: 503 until the suite says `well`. Default: ok. */
  readonly health?: "ok" | "fail" | "hang" | "redirect" | "wait";
  readonly ignoreTerm?: boolean;
  /** Ends with this code instead of listening. */
  readonly exitOnBoot?: number;
  /** Starts a process of its own, which must not outlive it. */
  readonly child?: boolean;
}

export interface Commit {
  /** 40 hex digits. */
  readonly sha: string;
  readonly version: string;
}

/** Neither the configuration of the user nor that of the machine has a say in what a commit is. */
const GIT_ENV = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "conformance",
  GIT_AUTHOR_EMAIL: "conformance@localhost",
  GIT_COMMITTER_NAME: "conformance",
  GIT_COMMITTER_EMAIL: "conformance@localhost",
};

/** A git repository with the fixture app, one commit a version, and the folder through which the suite and the app's processes talk. */
export class Fixture {
  readonly repo: string;
  /** On the command line of every process of the app: nothing else has this path there. */
  readonly state: string;
  private versions = 0;

  private constructor(folder: string, repo: string | undefined) {
    this.repo = repo ?? join(folder, "repo");
    this.state = join(folder, "state");
  }

  static async create(folder: string, options: { repo?: string } = {}): Promise<Fixture> {
    const fixture = new Fixture(folder, options.repo);
    mkdirSync(fixture.state, { recursive: true });
    mkdirSync(fixture.repo, { recursive: true });
    await fixture.git("init", "--quiet", "--initial-branch=main");
    return fixture;
  }

  /** The runtime that runs this suite runs the app too: nothing has to be installed. */
  get startCommand(): string {
    return `BUN_BE_BUN=1 '${process.execPath}' --no-env-file --config=/dev/null --no-install app.mjs '${this.state}'`;
  }

  /** A commit on `main`, on top of the last one. `contract` goes into `orco.app.json` for those who look for it there. */
  async commit(behaviour: Behaviour, contract: object): Promise<Commit> {
    const version = `v${++this.versions}`;
    writeFileSync(join(this.repo, "app.mjs"), app);
    writeFileSync(join(this.repo, "behaviour.json"), JSON.stringify({ version, health: "ok", ...behaviour }));
    writeFileSync(join(this.repo, "orco.app.json"), JSON.stringify(contract, undefined, 2));
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--message", `${version} ${JSON.stringify(behaviour)}`);
    return { sha: await this.git("rev-parse", "HEAD"), version };
  }

  async git(...args: string[]): Promise<string> {
    const child = Bun.spawn(["git", "-C", this.repo, ...args], {
      env: { ...process.env, ...GIT_ENV },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(`git ${args.join(" ")} failed in ${this.repo}: ${err.trim()}`);
    return out.trim();
  }

  /** Leaves a word for the app's processes: `down.v1`, `sick.v1`, `well.v1`, `release.ID`. */
  say(word: string): void {
    writeFileSync(join(this.state, word), "");
  }

  unsay(word: string): void {
    rmSync(join(this.state, word), { force: true });
  }

  /** Whether a word is there, of the suite's or of the app's: `holding.ID`, `ended.v1`, `terminated.v1`. */
  heard(word: string): boolean {
    return existsSync(join(this.state, word));
  }

  /** Pids under which a version has been started so far. */
  startsOf({ version }: Commit): number[] {
    return readdirSync(this.state)
      .filter((name) => name.startsWith(`started.${version}.`))
      .map((name) => Number(name.split(".")[2]));
  }
}
