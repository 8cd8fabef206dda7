/**
 * link-swapper.ts FOLDER LINK…: swaps the folder for a symbolic link to one of the others, and back, as fast as it can, in every way there is, until
 * it is killed; now and then it leaves it in peace for a moment. Says `swapping` when it has begun.
 */
import { dlopen } from "bun:ffi";
import { C_LIBRARIES } from "../../src/kernel/libc.ts";
import { renameSync, rmSync, symlinkSync } from "node:fs";

const [folder = "", ...targets] = process.argv.slice(2);
const AT_CWD = -100;
const EXCHANGE = 2;
const libc = dlopen(C_LIBRARIES[0] ?? "", { renameat2: { args: ["i32", "buffer", "i32", "buffer", "u32"], returns: "i32" } }).symbols;
const [link, aside] = [`${folder}.link`, `${folder}.aside`];
const names = [Buffer.from(`${folder}\0`), Buffer.from(`${link}\0`)] as const;

console.log("swapping");
for (let turn = 0; ; turn++) {
  if (turn % 256 === 0) Bun.sleepSync(3);
  const target = targets[turn % targets.length] ?? "";
  if (turn % 2 === 0) {
    // There is always something at the name.
    symlinkSync(target, link);
    libc.renameat2(AT_CWD, names[0], AT_CWD, names[1], EXCHANGE);
    libc.renameat2(AT_CWD, names[0], AT_CWD, names[1], EXCHANGE);
    rmSync(link);
  } else {
    renameSync(folder, aside);
    symlinkSync(target, folder);
    rmSync(folder);
    renameSync(aside, folder);
  }
}
