import { expect, test } from "bun:test";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { KubeClient } from "./client.ts";
import { jobFacts } from "./objects.ts";
import { Shelf } from "./shelf.ts";
import { keepLike } from "./watch.ts";

const LIST_MS = 300;
/** Longer than the first wait between two tries. */
const SLOW_MS = 350;
const EXPIRED = `${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410 } })}\n`;

test.each([
  ["at once", 0],
  ["slowly", SLOW_MS],
])(
  "lists that take long, and are forgotten by the time they are there, are asked for less and less often, be that said %s",
  async (_, slowMs) => {
    const clock = systemClock();
    const asked: number[] = [];
    using server = Bun.serve({
      port: 0,
      fetch: async (request) => {
        if (new URL(request.url).searchParams.has("watch")) {
          await clock.sleep(slowMs);
          return new Response(EXPIRED);
        }
        asked.push(performance.now());
        const { promise, resolve } = Promise.withResolvers<void>();
        clock.after(LIST_MS, resolve);
        await promise;
        return Response.json({ metadata: { resourceVersion: "1" }, items: [] });
      },
    });
    const client = new KubeClient({ server: server.url.href.replace(/\/$/, ""), insecure: true, user: {}, source: "test" }, clock, {});
    const stop = new AbortController();
    const shelf = new Shelf<ReturnType<typeof jobFacts>>(({ name }) => name);
    const kept = keepLike(
      { client, clock, selector: "a=b", kind: { path: "/jobs", facts: jobFacts, jobOf: ({ name }) => name } },
      shelf,
      stop.signal,
    );
    await until("four lists", () => asked.length === 4, 15_000);
    stop.abort(new Error("enough"));
    await kept;
    client.close();
    const [first = 0, second = 0, , fourth = 0] = asked;
    expect(second - first).toBeGreaterThan(LIST_MS + slowMs + 240);
    expect(fourth - first).toBeGreaterThan(3 * (LIST_MS + slowMs) + 1700);
  },
);
