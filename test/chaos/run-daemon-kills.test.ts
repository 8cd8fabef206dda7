import { expect, test } from "bun:test";
import { until } from "../until.ts";
import { between, ChaosRig, cycles, figures } from "./rig.ts";
import { pause, RunApi } from "./run-api.ts";
import { Poster, RunWatchers, Watcher } from "./run-clients.ts";
import { RunHistory } from "./run-history.ts";

const CYCLES = cycles(6, 50);
const CYCLE_BUDGET_MS = 6000;
const POSTERS = 8;
const WATCHERS_OF_ONE = 10;
const WATCHERS_OF_ALL = 10;
const LEASE_MS = 5000;

test(
  `kill -9 of the daemon under checkpoints and streams, ${CYCLES} times: what was acknowledged is there once, in order, for everybody`,
  async () => {
    await using rig = new ChaosRig({ ORCO_LEASE_MS: String(LEASE_MS) });
    await rig.begin();
    const api = new RunApi(rig.home);
    const begun: string[] = [];
    const posters = Array.from(
      { length: POSTERS },
      (_, n) => new Poster(api, { name: `poster-${n}`, keyed: n % 2 === 0, beatMs: LEASE_MS / 5, onRun: (id) => begun.push(id) }),
    );
    const ofOne = new RunWatchers(
      api,
      WATCHERS_OF_ONE,
      () => begun[Math.floor(between(Math.max(0, begun.length - POSTERS), begun.length))],
    );
    let head = Infinity;
    const ofAll = Array.from({ length: WATCHERS_OF_ALL }, () => new Watcher(api, "/events?topic=run/*", "seq"));
    const watching = ofAll.map((watcher) => watcher.watch(() => watcher.at >= head || watcher.problems.length > 0));

    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await pause(between(50, 900));
      await rig.kill();
      await rig.begin();
    }
    await Promise.all(posters.map((poster) => poster.stop()));
    await ofOne.stop();
    head = new RunHistory(rig).rows.at(-1)?.seq ?? 0;
    await until("those who watch all to be up to date", () => ofAll.every(({ at }) => at >= head), 20_000).catch(() => undefined);
    await Promise.all(watching);

    expect([...posters, ...ofOne.watchers, ...ofAll].flatMap(({ problems }) => problems)).toEqual([]);
    const history = new RunHistory(rig);
    history.checkRuns();
    for (const poster of posters) history.checkPoster(poster);
    await history.checkLists(api, begun);
    for (const watcher of ofOne.watchers) history.checkRunWatcher(watcher.run, watcher);
    for (const watcher of ofAll) history.checkWatcher(watcher);
    const told = posters.flatMap(({ acknowledged }) => acknowledged).length;
    const connections = [...ofOne.watchers, ...ofAll].reduce((sum, watcher) => sum + watcher.connections, 0);
    console.log(
      `${CYCLES} kills: API back ${figures(rig.backMs)}; ${told} checkpoints of ${begun.length} runs acknowledged, 0 lost; ${history.rows.length} events to ${WATCHERS_OF_ALL} + ${ofOne.watchers.length} streams over ${connections} connections`,
    );
    expect(told).toBeGreaterThan(CYCLES * POSTERS);
  },
  CYCLES * CYCLE_BUDGET_MS + 60_000,
);
