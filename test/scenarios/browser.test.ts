import { afterAll, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { RunsRig } from "./runs-rig.ts";

/** The example page in a real browser, from an origin of its own. */
const FOLDER = join(import.meta.dirname, "../../examples/runs");
const KEY = "correct-horse-battery-staple";
const PROGRAM = Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");
const PATIENCE_MS = 30_000;
const CHECKPOINTS = 80;

interface Line {
  readonly name: string;
  readonly data: {
    readonly n?: number;
    readonly data?: unknown;
    readonly status?: string;
    readonly why?: string;
    readonly last_seq?: number;
  };
}

const known = pages();
const strange = pages();
let opened: Promise<Browser> | undefined;

afterAll(async () => {
  await Promise.all([known.stop(true), strange.stop(true)]);
  await (await opened)?.close();
});

/** A web server of its own, which is an origin of its own. */
function pages(): ReturnType<typeof Bun.serve> {
  return Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const file = join(FOLDER, new URL(request.url).pathname.replaceAll("..", ""));
      return existsSync(file) ? new Response(Bun.file(file)) : new Response(null, { status: 404 });
    },
  });
}

function browser(): Promise<Browser> {
  return (opened ??= chromium.launch({ executablePath: PROGRAM ?? "chromium", args: ["--no-sandbox"] }));
}

/** In CI a browser is there, or this fails. */
function inBrowser(title: string, body: (rig: RunsRig, page: Page) => Promise<void>): void {
  test.skipIf(PROGRAM === null && process.env["CI"] !== "true")(title, async () => {
    const rig = new RunsRig({
      ORCHD_BIND_ADDR: `127.0.0.1:${freePort()}`,
      CORS_ORIGINS: known.url.origin,
      ORCHESTRATOR_API_KEY: KEY,
    });
    const page = await (await browser()).newPage();
    try {
      rig.headers["x-api-key"] = KEY;
      await rig.up();
      await body(rig, page);
    } finally {
      await page.close();
      await rig.close();
    }
  });
}

async function lines(page: Page): Promise<Line[]> {
  const texts = await page.locator("#log li").allTextContents();
  return texts.map((text) => {
    const space = text.indexOf(" ");
    return { name: text.slice(0, space), data: JSON.parse(text.slice(space)) as Line["data"] };
  });
}

function seen(page: Page, what: string, wanted: (all: readonly Line[]) => boolean): Promise<unknown> {
  return until(what, async () => wanted(await lines(page)), PATIENCE_MS);
}

/** A run that says a checkpoint every 50 ms, and waits before its 60th for a file, if one is given. */
function talker(rig: RunsRig, goFile?: string): Promise<string> {
  const wait = goFile === undefined ? "" : `[ $n -ne 60 ] || while ! [ -e '${goFile}' ]; do sleep 0.05; done; `;
  const say = `n=0; while [ $n -lt ${CHECKPOINTS} ]; do n=$((n+1)); ${wait}echo "{\\"type\\":\\"checkpoint\\",\\"data\\":$n}"; sleep 0.05; done`;
  return rig.plan([{ id: "talk", command: ["sh", "-c", say] }]);
}

const address = (from: { url: URL }, rig: RunsRig, run: string): string =>
  `${from.url.origin}/watch.html?${new URLSearchParams({ base: rig.url, run, key: KEY }).toString()}`;

inBrowser("a page of another origin shows every event once and in order, though the daemon is killed twice", async (rig, page) => {
  const goFile = join(rig.dir, "go");
  const id = await talker(rig, goFile);
  await page.goto(address(known, rig, id));
  for (const at of [15, 45]) {
    await seen(page, `checkpoint ${at}`, (all) => all.some(({ name, data }) => name === "checkpoint" && data.data === at));
    await rig.again();
  }
  writeFileSync(goFile, "");
  await seen(page, "the end", (all) => all.at(-1)?.name === "end");
  const all = await lines(page);
  const hellos = all.filter(({ name }) => name === "hello");
  expect(hellos.length).toBeGreaterThanOrEqual(3);
  const numbers = all.flatMap(({ data }) => data.n ?? []);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
  const checkpoints = all.filter(({ name }) => name === "checkpoint").map(({ data }) => data.data);
  expect(checkpoints).toEqual(Array.from({ length: CHECKPOINTS }, (_, index) => index + 1));
  expect(all.at(-1)).toMatchObject({ name: "end", data: { runId: id, status: "completed" } });
  expect((await rig.run(id)).status).toBe("completed");
});

inBrowser("a ticket that is over is no end: the page takes a new one and goes on behind what it has shown", async (rig, page) => {
  const id = await rig.plan([{ id: "go", wait_for: { signal: "go" } }]);
  let refused = 0;
  await page.route(`${rig.url}/runs/**`, (route) => {
    if (refused++ === 0) return route.fulfill({ status: 401, headers: { "access-control-allow-origin": known.url.origin } });
    return route.continue();
  });
  await page.goto(address(known, rig, id));
  await seen(page, "the refusal", (all) => all.some(({ data }) => data.why === "refused"));
  await seen(page, "the wait", (all) => all.some(({ data }) => data.status === "waiting"));
  await rig.post(`/runs/${id}/signals/go`, {});
  await seen(page, "the end", (all) => all.at(-1)?.name === "end");
  const numbers = (await lines(page)).flatMap(({ data }) => data.n ?? []);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => index + 1));
});

inBrowser("a page of an origin that is not named sees nothing, with the key or with a ticket", async (rig, page) => {
  const id = await talker(rig);
  await page.goto(address(strange, rig, id));
  await seen(page, "a refusal", (all) => all.length > 0);
  expect(new Set((await lines(page)).map(({ name }) => name))).toEqual(new Set(["cut"]));
  const { body } = await rig.post("/tickets", { path: `/runs/${id}/events` });
  const url = `${rig.url}/runs/${id}/events?ticket=${String(body["ticket"])}`;
  const heard = await page.evaluate(
    `new Promise((resolve) => {
      const source = new EventSource(${JSON.stringify(url)});
      source.addEventListener("hello", () => resolve("hello"));
      source.addEventListener("error", () => resolve(source.readyState === EventSource.CLOSED && "closed"));
    })`,
  );
  expect(heard).toBe("closed");
  const read = await page.evaluate((at) => fetch(at).then((answer) => answer.text(), String), url);
  expect(read).toContain("Failed to fetch");
  expect((await rig.get(`/runs/${id}/events?replay=0`, { headers: { origin: strange.url.origin } })).status).toBe(403);
  await rig.delete(`/runs/${id}?force=true`);
});
