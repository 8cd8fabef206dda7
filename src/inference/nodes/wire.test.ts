import { describe, expect, test } from "bun:test";
import { poolEntry, registration } from "./nodes.fake.ts";
import { HeartbeatBody, readEntries, RegistrationBody } from "./wire.ts";
import { endpointUrl, reachable } from "./reach.ts";

/** 169.254.169.254 and its like, as somebody would write them who does not want them to be seen. */
const METADATA = [
  "http://169.254.169.254",
  "http://169.254.0.1:8000/v1",
  "http://2852039166",
  "http://0xa9fea9fe",
  "http://0251.0376.0251.0376",
  "http://169.16689662",
  "http://[::ffff:169.254.169.254]:8000",
  "http://[::ffff:a9fe:a9fe]",
  "http://[64:ff9b::a9fe:a9fe]",
  "http://[2002:a9fe:a9fe::]",
  "http://[fe80::1]",
  "http://[fd00:ec2::254]",
  "http://100.100.100.200",
  "http://１６９.254.169.254",
  "http://169.254.169.254.",
  "http://metadata.google.internal",
  "http://METADATA.google.internal./computeMetadata",
];

describe("a report", () => {
  test.each(METADATA)("is refused with %s as an endpoint or an address", (url) => {
    expect(HeartbeatBody.safeParse({ timestamp: 0, pools: [poolEntry({ endpoint: url })] }).success).toBe(false);
    expect(RegistrationBody.safeParse(registration({ address: url })).success).toBe(false);
    expect(RegistrationBody.safeParse(registration({ address: url.replace("http://", "") })).success).toBe(false);
  });

  test.each(["fe80::1", "169.254.1.1", "169.254.1.1:9200", "[fe80::1]:9200"])("is refused with the address %s", (address) => {
    expect(RegistrationBody.safeParse(registration({ address })).success).toBe(false);
  });

  test.each([
    "ftp://10.0.0.1",
    "file:///etc/passwd",
    "10.0.0.1:8000",
    "",
    "http://",
    "http://u:p@10.0.0.1",
    "http://10.0.0.1/?x=1",
    "http://10.0.0.1/#x",
  ])("is refused with %s as an endpoint", (endpoint) => {
    expect(HeartbeatBody.safeParse({ timestamp: 0, pools: [poolEntry({ endpoint })] }).success).toBe(false);
  });

  test.each([
    "10.0.0.5",
    "10.0.0.5:9200",
    "http://gpu-1:9200",
    "gpu-1",
    "gpu-1.lan:9200",
    "fd12::1",
    "[fd12::1]:9200",
    "https://192.168.1.4",
    "127.0.0.1:9200",
  ])("may come from %s", (address) => {
    expect(RegistrationBody.safeParse(registration({ address })).success).toBe(true);
  });

  test("comes from a node that calls itself anything but what this machine is called", () => {
    const named = (id: string) => RegistrationBody.safeParse(registration({ node_id: id })).success;
    expect(["local", "gpu-1", "local-1", "../x"].map(named)).toEqual([false, true, true, false]);
  });

  test("may hold more than we know, which is dropped", () => {
    const parsed: unknown = HeartbeatBody.parse({
      timestamp: "2026-01-01T00:00:00Z",
      mood: "good",
      pools: [{ ...poolEntry(), colour: "red" }],
    });
    expect(parsed).toEqual({ timestamp: "2026-01-01T00:00:00Z", pools: [poolEntry()] });
  });

  test("names each pool once, and has bounds", () => {
    const body = (pools: unknown) => HeartbeatBody.safeParse({ timestamp: 0, pools }).success;
    expect(body([poolEntry(), poolEntry()])).toBe(false);
    const many = (count: number) => Array.from({ length: count }, (_, index) => poolEntry({ pool_id: `p${index}` }));
    expect(body(many(100))).toBe(true);
    expect(body(many(101))).toBe(false);
    expect(body([poolEntry({ models_available: Array.from({ length: 1_001 }, String) })])).toBe(false);
    expect(body([poolEntry({ pool_id: "../x" })])).toBe(false);
    expect(body([poolEntry({ slots_free: -1 })])).toBe(false);
    expect(body([poolEntry({ slots_total: 1.5 })])).toBe(false);
    expect(body([poolEntry({ slots_total: 10_000, slots_free: 10_000 })])).toBe(true);
    const claimed = HeartbeatBody.safeParse({ timestamp: 0, pools: [poolEntry({ slots_total: 10_001 })] });
    expect(claimed.error?.issues).toMatchObject([{ path: ["pools", 0, "slots_total"], message: expect.stringContaining("10000 at most") }]);
  });
});

test("an endpoint loses its /v1 and its slashes, not its path", () => {
  expect(["http://a:1", "http://a:1/", "http://a:1/v1", "http://a:1/v1/", "http://a:1/x/y/v1"].map(endpointUrl)).toEqual([
    "http://a:1",
    "http://a:1",
    "http://a:1",
    "http://a:1",
    "http://a:1/x/y",
  ]);
});

test("of a name's addresses those of metadata services are left out", () => {
  expect(reachable(["10.0.0.1", "169.254.169.254"])).toEqual(["10.0.0.1"]);
  expect(reachable(["169.254.169.254"])).toBeString();
});

test("of a pool manager's answer an entry with too many slots is passed over, which is told", () => {
  const pools = [poolEntry({ pool_id: "huge", slots_total: 1_000_000 }), poolEntry({ pool_id: "p" })];
  const { entries, trouble } = readEntries(JSON.stringify({ pools }));
  expect(entries.map(({ pool_id }) => pool_id)).toEqual(["p"]);
  expect(trouble).toBe("an entry of /v2/pools is wrong: slots_total: must be 10000 at most: the tasks that one engine takes at once");
});
