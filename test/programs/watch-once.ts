import { Watcher } from "../../src/cli/watch/watcher.ts";
import { systemClock } from "../../src/kernel/clock.ts";

/** Watches the folder of the first argument and prints what it is told, until what changed has come. */
const path = process.argv[2] ?? ".";
const watcher = new Watcher({
  clock: systemClock(),
  onTrouble: (why) => console.log(`trouble: ${why}`),
  onSeen: (seen) => {
    console.log(`seen: ${seen.flatMap(({ paths }) => paths).join(" ")}`);
    watcher.close();
  },
});
watcher.watch([{ service: "api", action: "restart", path, ignore: [] }]);
console.log("watching");
