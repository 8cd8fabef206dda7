// step-talker.ts ROUNDS EVERY: a step that says in each round a log line, a checkpoint and a line of stderr, and rests a little every so many rounds.
import { writeSync } from "node:fs";

const [rounds = 0, every = 1] = process.argv.slice(2).map(Number);
for (let n = 0; n < rounds; n++) {
  writeSync(1, `line ${n}\n`);
  if (n % 10 === 0) writeSync(1, `{"type":"checkpoint","data":${n / 10}}\n`);
  writeSync(2, `error ${n}\n`);
  if (n % every === 0) await Bun.sleep(1);
}
writeSync(1, '{"type":"output","data":{"done":true}}\n');
