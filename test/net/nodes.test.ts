import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ORCO, Rig, type Started } from "../scenarios/rig.ts";
import { until } from "../until.ts";
import { NetworkLink, whyNoNamespaces } from "./link.ts";

const why = whyNoNamespaces();
if (why !== undefined && process.env["CI"] === "true") throw new Error(`tests across machines: ${why}`);
if (why !== undefined) console.warn(`skipped: tests across machines: ${why}`);

const KEY = "a key of control plane and node";
const STALE_MS = 5_000;
const ENGINE = `  engine:
    labels: { pool: chat, engine: mock, models: chain }
    command: ["${ORCO}", mock-engine, --port=8000, --slots=2, --tokens-per-s=100]
    ports: ["8000:8000"]
    health: { interval: 200ms, timeout: 5s, gracePeriod: 60s, http: { url: "http://127.0.0.1:8000/health" } }
`;

/** Of whichever path was asked. */
interface Answer {
  readonly nodes: readonly { readonly node_id: string; readonly status: string }[];
  readonly pools: readonly {
    readonly id: string;
    readonly ready: boolean;
    readonly replicas: readonly { readonly id: string; readonly url: string }[];
  }[];
  readonly task_id: string;
  readonly code: string;
}

/** An orco on one side of the wire. */
class Machine extends Rig {
  constructor(
    private readonly side: readonly string[],
    env: Readonly<Record<string, string>>,
  ) {
    super(env);
  }

  protected override get program(): readonly string[] {
    return [...this.side, ORCO];
  }

  /** Over the daemon's socket: it is reached whatever becomes of the network. */
  async ask(path: string, body?: unknown): Promise<{ status: number; body: Answer }> {
    const answer = await this.open(path, body);
    return { status: answer.status, body: (await answer.json()) as Answer };
  }

  open(path: string, body?: unknown): Promise<Response> {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return fetch(`http://localhost${path}`, { ...init, unix: `${this.home}/orco.sock` });
  }
}

describe.skipIf(why !== undefined)("a control plane and a node on two machines", () => {
  let link: NetworkLink;
  let control: Machine;
  let gpu: Machine;
  let node: Started;

  beforeAll(async () => {
    link = await NetworkLink.open();
    const [here] = link.addresses;
    control = new Machine(link.on(0), {
      ORCHD_BIND_ADDR: `${here}:7070`,
      ORCHESTRATOR_API_KEY: KEY,
      ORCHD_NODE_STALE_MS: String(STALE_MS),
      ORCHD_IDLE_TOKEN_TIMEOUT_MS: "5000",
    });
    gpu = new Machine(link.on(1), { ORCHESTRATOR_API_KEY: KEY });
    await control.serve();
    const stack = gpu.stack(`services:\n${ENGINE}`);
    await stack.ok("up", "-d", "--wait");
    node = gpu.start(["node", "--control", `http://${here}:7070`, "--node-id", "gpu-1"]);
  }, 60_000);

  afterAll(async () => {
    try {
      await Promise.all([control.close(), gpu.close()]);
    } finally {
      await link.close();
    }
  }, 60_000);

  const status = async (): Promise<string | undefined> => {
    const { body } = await control.ask("/v2/nodes");
    return body.nodes.find(({ node_id }) => node_id === "gpu-1")?.status;
  };
  const isReady = async (): Promise<boolean> => {
    const { body } = await control.ask("/v2/pools");
    return body.pools.some(({ id, ready }) => id === "chat" && ready);
  };
  const submit = (max: number) => control.ask("/v2/tasks", { model_ref: "chain", prompt: "hello", max_tokens: max });
  const events = async (max: number): Promise<Response> => {
    const { status: code, body } = await submit(max);
    expect(code).toBe(202);
    return control.open(`/v2/tasks/${body.task_id}/events`);
  };

  test("the node registers, its pool becomes ready, and a task streams over the wire", async () => {
    await until("the node to be Online", async () => (await status()) === "Online", 30_000);
    await until("its pool to be ready", isReady, 30_000);
    const { body } = await control.ask("/v2/pools");
    const replica = body.pools.find(({ id }) => id === "chat")?.replicas[0];
    expect(replica).toMatchObject({ id: "gpu-1", url: `http://${link.addresses[1]}:9200/v2/pools/chat/engine` });
    const text = await (await events(5)).text();
    expect(text.match(/event: token/g)?.length).toBe(5);
    expect(text).toContain("event: end");
  }, 60_000);

  test("a cut wire ends the task as a failure, makes the node Offline, and nothing more is taken", async () => {
    const stream = (await events(1_000_000)).body?.getReader();
    if (!stream) throw new Error("no stream");
    const decoder = new TextDecoder();
    let text = "";
    const read = async (): Promise<boolean> => {
      const { value, done } = await stream.read();
      text += decoder.decode(value, { stream: true });
      return done;
    };
    while (!text.includes("event: token")) await read();
    link.cut();
    while (!(await read()));
    expect(text).toMatch(/"code": ?"(WORKER_RESET|DECODE_TIMEOUT)"/);
    expect(text).not.toContain("event: end");
    await until("the node to be Offline", async () => (await status()) === "Offline", STALE_MS + 15_000);
    const refused = await submit(5);
    expect(refused.status).toBe(503);
    expect(refused.body.code).toMatch(/^POOL_UN/);
  }, 60_000);

  test("a mended wire brings it back without anybody's help", async () => {
    link.mend();
    await until("the node to be Online again", async () => (await status()) === "Online", 30_000);
    await until("its pool to be ready again", isReady, 30_000);
    expect(await (await events(3)).text()).toContain("event: end");
  }, 60_000);

  test("a control plane that was restarted is told again", async () => {
    await control.killDaemon("SIGTERM");
    await control.serve();
    await until("the node to be there again", async () => (await status()) === "Online", 30_000);
  }, 60_000);

  test("a node that is told to stop says goodbye", async () => {
    node.kill("SIGTERM");
    expect((await node.ended).code).toBe(0);
    await until("the control plane to know it no more", async () => (await status()) === undefined);
    expect(node.err()).not.toContain(KEY);
  }, 60_000);
});
