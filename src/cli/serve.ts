import { textOption, type Context } from "./context.ts";

/** The daemon in the foreground. Standard output gets one line, once it answers. */
export async function serve(context: Context): Promise<never> {
  const { runDaemon } = await import("../daemon.ts");
  const bind = textOption(context.options, "bind");
  await runDaemon({
    env: { ...context.io.env, ORCO_HOME: context.home },
    flags: { ...(bind !== undefined && { bind }), ...(context.options["allowAnonymous"] === true && { allowAnonymous: true }) },
    onListening: (url: string) => context.io.out(`listening on ${url}\n`),
  });
  // Everything is closed and on disk; idle keep-alive connections would hold the process for seconds.
  process.exit(0);
}
