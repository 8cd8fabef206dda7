// Makes the data folder ready, then ends.
import { mkdirSync, writeFileSync } from "node:fs";

const folder = process.env.DATA_DIR ?? "./data";
mkdirSync(folder, { recursive: true });
writeFileSync(`${folder}/greeting.json`, JSON.stringify({ greeting: process.env.GREETING ?? "hello" }));
console.log(`migrated ${folder}`);
