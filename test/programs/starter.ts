// starter.ts HOME SCRIPT: a daemon in small: starts `sh -c SCRIPT` as an instance of HOME, prints its id and pid, and stays.
import { systemClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import { ProcessRuntime } from "../../src/supervise/runtimes/process.ts";

const [home = "", script = ""] = process.argv.slice(2);
const clock = systemClock();
const runtime = new ProcessRuntime({ home, clock });
const handle = await runtime.start({
  instance: uuidv7(clock),
  stack: "s",
  service: "x",
  replica: 0,
  argv: ["/bin/sh", "-c", script],
  cwd: home,
  env: { PATH: process.env["PATH"] ?? "" },
});
console.log(`${handle.instance} ${handle.pid}`);
