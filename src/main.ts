import { runCli } from "./cli/program.ts";

// Output is written synchronously, so nothing is lost; a stream that is still closing must not hold the prompt back.
process.exit(await runCli(process.argv.slice(2)));
