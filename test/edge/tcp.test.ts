import { expect, test } from "bun:test";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { BODY_BYTES, Flow, FlowTarget, Memory, still } from "./flow.ts";
import { active, draining, sharedEdge, type Way, type WayOptions } from "./rig.ts";

const MIB = 2 ** 20;
const edge = sharedEdge();

function tcp(options: WayOptions = {}): Promise<Way> {
  return edge.way({ listen: { address: "127.0.0.1", port: freePort(), protocol: "tcp" }, ...options });
}

test("bytes pass both ways, whoever speaks first; ends and resets pass as what they are", async () => {
  await using way = await tcp();
  const [greeted, broken] = [way.connect(), way.connect()];
  const target = await way.target.connection();
  target.write("220 hello\r\n");
  await Promise.race([greeted, broken].map((client) => client.until("hello")));
  const [first, second] = greeted.text === "" ? [broken, greeted] : [greeted, broken];
  first.write("PRI * HTTP/2.0\r\n\r\n\0\xff");
  first.end();
  expect(await target.untilEnd()).toBe("PRI * HTTP/2.0\r\n\r\n\0\xff");
  target.write("more");
  target.end();
  expect(await first.untilEnd()).toBe("220 hello\r\nmore");
  const other = await way.target.connection();
  second.reset();
  await other.untilReset();
  expect(await way.metric("orco_edge_requests_total", { code: "000" })).toBe(2);
});

test("a connection that no target takes waits, as long as the hold time lasts", async () => {
  await using way = await tcp({ holdTimeoutMs: 200 });
  await way.put({ targets: [] });
  const late = way.connect();
  await late.untilReset();
  const held = way.connect();
  held.write("early");
  await way.put({ holdTimeoutMs: 30_000 });
  const again = way.connect();
  again.write("early");
  await until("it to be held", async () => (await way.metric("orco_edge_held")) > 0);
  await way.put({ targets: [active(way.target)] });
  await (await way.target.connection()).until("early");
});

test("at the end of the drain time both sides are reset", async () => {
  await using way = await tcp();
  const client = way.say("x");
  const target = await way.target.connection();
  await target.until("x");
  await way.put({ targets: [draining(way.target, 100)] });
  expect(await edge.control.drained(way.target.id)).toEqual({ cut: 1 });
  await Promise.all([client.untilReset(), target.untilReset()]);
});

test(`${BODY_BYTES / MIB} MiB to a reader that reads late: flat memory, every byte`, async () => {
  using target = new FlowTarget((flow) => flow.send("\r\n\r\n", BODY_BYTES));
  await using way = await tcp({ targets: 0, elsewhere: [target] });
  const client = await Flow.connect(way.port);
  await client.headCame();
  client.wire.pause();
  const memory = new Memory(edge.worker);
  const sent = await still("the target", () => target.flows[0]?.sent ?? 0);
  expect(sent).toBeLessThan(BODY_BYTES / 4);
  client.wire.resume();
  await client.got(BODY_BYTES);
  memory.say("tcp");
  expect(memory.peakGrowth).toBeLessThan(48 * MIB);
  client.wire.terminate();
}, 60_000);
