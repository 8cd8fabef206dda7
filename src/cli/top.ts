import { constants } from "node:os";
import type { Context } from "./context.ts";

/** The stack live; not on a terminal, its table once. */
export async function top(context: Context): Promise<number | undefined> {
  const { io, global } = context;
  const client = await context.client();
  const stack = context.stackName();
  const view = await client.stack(stack);
  const { isScreen } = await import("../tui/terminal.ts");
  if (global.json || !isScreen(io.env)) {
    const { statusTable } = await import("../terminal/table.ts");
    const columns = io.columns();
    io.out(`${global.json ? JSON.stringify(view) : statusTable(view, columns === undefined ? {} : { columns })}\n`);
    return undefined;
  }
  const { Tui } = await import("../tui/tui.ts");
  const tui = new Tui({ client, stack, color: io.color });
  tui.open();
  try {
    const left = await tui.left;
    await tui.close();
    if (left.why === "gone") context.note(`stack ${stack} is gone`);
    return left.why === "signal" ? 128 + constants.signals[left.signal] : undefined;
  } finally {
    await tui.close();
  }
}
