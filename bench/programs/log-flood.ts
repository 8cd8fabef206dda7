/** `log-flood.ts RATE LINES`: numbered lines at that rate a second, each with the time at which it was said. Then it stays. */
import { writeSync } from "node:fs";

const [rate = 0, total = 0] = process.argv.slice(2).map(Number);
const from = performance.now();
for (let n = 0; n < total; await Bun.sleep(5)) {
  const due = Math.min(total, Math.floor(((performance.now() - from) * rate) / 1000));
  let text = "";
  while (n < due) text += `${Date.now()} line ${n++} of a service that says much, as some do\n`;
  if (text !== "") writeSync(1, text);
}
await Bun.sleep(3_600_000);
