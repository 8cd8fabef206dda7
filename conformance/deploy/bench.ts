import { type Answer, refused, succeeded } from "./api.ts";
import { Connection } from "./connection.ts";
import { expect, expectEqual, Mismatch, said } from "./expect.ts";
import type { Behaviour, Commit } from "./fixture.ts";
import type { Reply } from "./http.ts";
import { processesWith } from "./processes.ts";
import { LOOK_MS, sleep, type Timing } from "./timing.ts";
import type { World } from "./world.ts";

/** Requests in a row that must all be answered by the same version: one may be lucky. */
const SAMPLES = 8;

export interface Identity {
  readonly version: string;
  readonly pid: number;
}

/** What a scenario does to the orchestrator and looks at, in the words of the document. Everything throws `Mismatch` when it is not so. */
export class Bench {
  /** What the scenario is at, for when its time is up. */
  doing = "starting";
  private readonly connections = new Set<Connection>();

  constructor(
    readonly world: World,
    readonly timing: Timing,
    private readonly signal: AbortSignal,
  ) {}

  commit(behaviour: Behaviour = {}): Promise<Commit> {
    return this.world.fixture.commit(behaviour, this.world.contract);
  }

  /** Whatever is answered. */
  deploy(commit: Commit): Promise<Answer> {
    this.doing = `POST /deploy of ${commit.version}`;
    return watched(this.world.api.deploy(commit.sha));
  }

  rollback(): Promise<Answer> {
    this.doing = "POST /rollback";
    return this.world.api.rollback();
  }

  /** A commit that is deployed and must get live. */
  async live(behaviour: Behaviour = {}): Promise<Commit> {
    const commit = await this.commit(behaviour);
    const answer = await this.deploy(commit);
    expect(succeeded(answer), `the deploy of a healthy commit (${commit.version}) to succeed`, said(answer));
    return commit;
  }

  expectSuccess(what: string, answer: Answer): void {
    expect(succeeded(answer), `${what} to succeed: a 2xx status and success: true`, said(answer));
  }

  expectRefused(what: string, answer: Answer): void {
    expect(refused(answer), `${what} to be an error`, said(answer));
  }

  async status(): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.world.api.status();
    expectEqual("the status of GET /status", answer.status, 200);
    return answer.body;
  }

  /** What GET /status says is live, and what there is to go back to. */
  async expectStatus(live: Commit, previous?: Commit): Promise<void> {
    const status = await this.status();
    expectEqual("live_commit of GET /status", status["live_commit"], live.sha);
    if (previous) expectEqual("previous_commit of GET /status", status["previous_commit"], previous.sha);
  }

  /** A connection of its own that is closed with the scenario. */
  connection(): Connection {
    const connection = Connection.open(this.world.proxy);
    this.connections.add(connection);
    return connection;
  }

  /** One request over a new connection. */
  get(path = "/"): Promise<Reply> {
    const connection = this.connection();
    const closed = connection.get(path).finally(() => {
      connection.close();
      this.connections.delete(connection);
    });
    return watched(closed);
  }

  async traffic(): Promise<Identity> {
    return identityOf(await this.get());
  }

  /** New requests reach this version and nothing else. */
  async expectTraffic({ version }: Commit): Promise<void> {
    this.doing = `asking the app which version it is, for ${version}`;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const reply = await this.get();
      expect(reply.status === 200, `${version} to answer through the proxy`, `status ${reply.status} ${reply.body.slice(0, 200).trim()}`);
      expectEqual("the version that answers", identityOf(reply).version, version);
    }
  }

  /** Processes of the app that run now. */
  processes(): number[] {
    return processesWith(this.world.fixture.state);
  }

  isRunning(pids: readonly number[]): boolean {
    const running = this.processes();
    return pids.some((pid) => running.includes(pid));
  }

  /** Looks until it is so. Throws `Mismatch` with what `seen` says when it does not get so in time. */
  async until(
    expected: string,
    isSo: () => boolean | Promise<boolean>,
    { ms, seen }: { ms: number; seen?: () => unknown },
  ): Promise<number> {
    this.doing = `waiting for ${expected}`;
    const startedAt = performance.now();
    for (;;) {
      this.signal.throwIfAborted();
      if (await isSo()) return Math.round(performance.now() - startedAt);
      if (performance.now() - startedAt > ms)
        throw new Mismatch(expected, `not so after ${ms} ms${seen ? `: ${JSON.stringify(seen())}` : ""}`);
      await sleep(LOOK_MS);
    }
  }

  close(): void {
    for (const connection of this.connections) connection.close();
  }
}

/** A scenario that has failed does not wait for what it has begun: that may end as it likes. */
function watched<T>(answer: Promise<T>): Promise<T> {
  answer.catch(() => undefined);
  return answer;
}

export function identityOf({ body }: Pick<Reply, "body">): Identity {
  try {
    return JSON.parse(body) as Identity;
  } catch {
    throw new Mismatch("the answer of the app, as the app has written it", JSON.stringify(body.slice(0, 200)));
  }
}
