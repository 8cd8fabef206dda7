import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import type { MockSettings } from "../../src/inference/mock/settings.ts";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { Rig } from "./rig.ts";

/** A daemon with one pool, behind it a mock engine of this process. */
export class OpenAiRig implements AsyncDisposable {
  private constructor(
    readonly rig: Rig,
    readonly engine: EngineRig,
    /** Of the daemon, without `/v1`. */
    readonly url: string,
  ) {}

  static async start(settings: Partial<MockSettings> = {}, env: Record<string, string> = {}): Promise<OpenAiRig> {
    const rig = new Rig(env);
    const engine = new EngineRig({ slots: 4, ...settings });
    const daemon = await rig.serve();
    const url = await until("the address", () => /^listening on (\S+)$/m.exec(daemon.out())?.[1]);
    const orco = new OpenAiRig(rig, engine, url);
    const { slots = 4 } = settings;
    const pool = { id: "p", engine: "openai", replicas: [{ id: "a", url: engine.engine.url, slots }] };
    const { status, body } = await new InferenceCalls(rig).call("POST", "/v2/pools", pool);
    if (status !== 201) throw new Error(`the pool was answered ${status}: ${JSON.stringify(body)}`);
    return orco;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig.close();
    this.engine[Symbol.dispose]();
  }
}
