/** Some services print much at once; each tool takes it in and shows the last line by the command that its users type. `tail -f` is the floor. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../src/kernel/errors.ts";
import { assemble } from "./peers/cast.ts";
import { execute } from "./peers/execute.ts";
import { until } from "./peers/observe.ts";
import type { Logs, Peer } from "./peers/peer.ts";
import { supervisors } from "./peers/proc.ts";
import { type BenchStack, Ground } from "./peers/stack.ts";
import { type BenchOptions, type Cell, median } from "./table.ts";

const SERVICES = 4;
const LINES_EACH = 200_000;
const LINES = SERVICES * LINES_EACH;
const PATIENCE_MS = 60_000;
const ROUNDS = 3;

interface Taken {
  /** From the first line that may be printed until the last of each service was shown. */
  readonly linesPerS: number;
  /** Until the services had written all: a tool that reads slowly holds them up. */
  readonly writtenS: number;
  /** The most that the daemon held at a time, RSS. */
  readonly peakMiB: number;
  /** Lines that are not kept, or more than once, or out of order. */
  readonly wrong: number;
}

export interface Contest {
  readonly rows: Cell[][];
  readonly notes: string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly raw: unknown;
}

export async function contest(options: BenchOptions): Promise<Contest> {
  const cast = await assemble(options, undefined);
  const ground = new Ground();
  const all = new Map<string, Taken[]>();
  const failed = new Map<string, string>();
  try {
    for (let round = 0; round < (options.rounds ?? ROUNDS); round++) {
      for (const peer of cast.peers) {
        if (failed.has(peer.name)) continue;
        const taken = await take(ground, peer).catch((error: unknown) => void failed.set(peer.name, messageOf(error)));
        if (taken) all.set(peer.name, [...(all.get(peer.name) ?? []), taken]);
        else failed.set(peer.name, failed.get(peer.name) ?? "it keeps no logs");
      }
      all.set("tail -f", [...(all.get("tail -f") ?? []), await floor(ground)]);
    }
  } finally {
    await ground.close();
  }
  return { rows: [...all].flatMap(rowsOf), notes: notes(failed), versions: cast.versions, raw: Object.fromEntries(all) };
}

function rowsOf([name, rounds]: readonly [string, readonly Taken[]]): Cell[][] {
  const of = (pick: (taken: Taken) => number): number => median(rounds.map(pick));
  return [
    [
      `${name}: ${SERVICES} × ${LINES_EACH.toLocaleString("en-US")} lines until the last ones are shown`,
      of((taken) => taken.linesPerS),
      "lines/s",
    ],
    [`${name}: until they were written`, of((taken) => taken.writtenS), "s"],
    [`${name}: its daemon's peak RSS`, of((taken) => taken.peakMiB), "MiB"],
    [`${name}: lines lost, doubled or out of order`, Math.max(...rounds.map(({ wrong }) => wrong)), "lines"],
  ];
}

function notes(failed: ReadonlyMap<string, string>): string[] {
  return [
    "beside peers: from the word to go until each service's last line came out of the tool's own command (orco logs, pm2 logs, supervisorctl tail, process-compose process logs), asked again and again; then it was taken down, and all that it kept compared",
    "pm2 and supervisord append bytes to a file; process-compose, told to keep a file, one JSON object a line, and the last 1000 lines in memory; orco has time, seq and level of each line, an index and a bound",
    ...[...failed].map(([name, why]) => `${name} left out: ${why}`),
  ];
}

/** Undefined for a tool that keeps no logs. */
async function take(ground: Ground, peer: Peer): Promise<Taken | undefined> {
  const stage = makeStage(ground);
  const session = await peer.open(ground, stage.stack);
  if (!session.logs) return undefined;
  ground.closing(session.close);
  try {
    await session.up();
    await until(async () => stage.pids().length === SERVICES, PATIENCE_MS, `${peer.name}: services started`);
    const { daemon } = supervisors(stage.pids());
    const seconds = stage.go();
    const written = until(async () => stage.written(), PATIENCE_MS, `${peer.name}: lines written`).then(seconds);
    await shown(session.logs, stage.stack, session.env);
    const shownS = seconds();
    const peakMiB = daemon.reduce((sum, pid) => sum + peak(pid), 0);
    const writtenS = await written;
    await session.down(); // the last lines may not be in its file before
    return { linesPerS: LINES / shownS, writtenS, peakMiB, wrong: await wrong(session.logs, stage.stack) };
  } finally {
    await session.down().catch(() => {});
    await session.close();
    await stage.close();
  }
}

async function shown(logs: Logs, stack: BenchStack, env: Readonly<Record<string, string>>): Promise<void> {
  for (const { name } of stack.services) {
    const last = async () => (await execute(logs.last(name), { env, timeoutMs: PATIENCE_MS })).includes(`line ${LINES_EACH} of`);
    await until(last, PATIENCE_MS, `the last line of ${name}`);
  }
}

async function wrong(logs: Logs, stack: BenchStack): Promise<number> {
  let sum = 0;
  for (const { name } of stack.services) {
    const seen = [...(await logs.kept(name)).matchAll(/line (\d+) of/g)].map((match) => Number(match[1]));
    const missing = LINES_EACH - new Set(seen).size;
    const misplaced = seen.filter((line, at) => at > 0 && line <= (seen[at - 1] ?? 0)).length;
    sum += missing + misplaced;
  }
  return sum;
}

interface Stage {
  readonly stack: BenchStack;
  readonly pids: () => number[];
  readonly written: () => boolean;
  /** Lets the services print; answers a watch of the seconds since. */
  readonly go: () => () => number;
  /** The services end by themselves, where a tool left them. */
  readonly close: () => Promise<void>;
}

/** Services that tell their pid, wait for the word, print, say that they have, and stay. */
function makeStage(ground: Ground): Stage {
  const home = ground.home("burst");
  const path = (name: string, what: string): string => join(home, `${name}.${what}`);
  const services = Array.from({ length: SERVICES }, (_, i) => {
    const name = `svc-${i}`;
    const script = `echo $$ >${path(name, "pid.new")}; mv ${path(name, "pid.new")} ${path(name, "pid")}
      while [ ! -e ${home}/go ]; do sleep 0.02; done
      seq -f 'line %.0f of a service, as short as many are' 1 ${LINES_EACH}
      echo >${path(name, "written")}
      exec sleep 600`;
    writeFileSync(path(name, "sh"), `#!/bin/sh\n${script}\n`);
    chmodSync(path(name, "sh"), 0o755);
    return { name, port: 0, dependsOn: [], command: [path(name, "sh")] as const };
  });
  const told = services.map(({ name }) => path(name, "pid"));
  const pids = (): number[] => told.filter((file) => existsSync(file)).map((file) => Number(readFileSync(file, "utf8")));
  return {
    stack: { services, probes: false, keepsLogs: true },
    pids,
    written: () => services.every(({ name }) => existsSync(path(name, "written"))),
    go: () => {
      const from = performance.now();
      writeFileSync(join(home, "go"), "");
      return () => (performance.now() - from) / 1000;
    },
    close: async () => {
      for (const pid of pids()) if (isOurs(pid, home)) process.kill(pid, "SIGKILL");
    },
  };
}

/** A pid may be another's by now. */
function isOurs(pid: number, home: string): boolean {
  const file = `/proc/${pid}/cmdline`;
  const said = existsSync(file) ? readFileSync(file, "utf8") : "";
  return said.includes(home) || said.startsWith("sleep\x00600");
}

function peak(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;
}

/** The same services write into files, and `tail -f` hands on what it finds there. */
async function floor(ground: Ground): Promise<Taken> {
  const stage = makeStage(ground);
  const home = ground.home("tail");
  const file = (name: string): string => join(home, `${name}.log`);
  for (const { name } of stage.stack.services) writeFileSync(file(name), "");
  const writers = stage.stack.services.map(({ name, command }) =>
    Bun.spawn([...command], { stdout: Bun.file(file(name)), stdin: "ignore" }),
  );
  const tail = Bun.spawn(["tail", "-q", "-n", "+1", "-f", ...stage.stack.services.map(({ name }) => file(name))], { stdout: "pipe" });
  try {
    await until(async () => stage.pids().length === SERVICES, PATIENCE_MS, "tail -f: services started");
    const seconds = stage.go();
    const written = until(async () => stage.written(), PATIENCE_MS, "tail -f: lines written").then(seconds);
    let lines = 0;
    for await (const chunk of tail.stdout) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
      if (lines >= LINES) break;
    }
    return { linesPerS: LINES / seconds(), writtenS: await written, peakMiB: peak(tail.pid), wrong: LINES - lines };
  } finally {
    for (const child of [tail, ...writers]) child.kill("SIGKILL");
    await stage.close();
  }
}
