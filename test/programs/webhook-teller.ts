// webhook-teller.ts HOME URL COUNT: in a new home COUNT runs end, each owing URL a webhook; then it tells what is owed in HOME, and ends when nothing is.
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { Journal } from "../../src/kernel/journal.ts";
import { webhookWrites } from "../../src/runs/webhook-outbox.ts";
import { Webhooks } from "../../src/runs/webhooks.ts";
import type { RunView } from "../../src/workflow/view.ts";

const LOOK_MS = 5;
const [home = "", url = "", count = "0"] = process.argv.slice(2);
const clock = systemClock();
const journal = Journal.open({ path: join(home, "orco.db"), clock });

function view(id: string): RunView {
  const run = {
    id,
    kind: "plan",
    mode: "local",
    name: id,
    status: "completed",
    owner: "test",
    metadata: {},
    attempt: 1,
    steps: [],
  } as const;
  return { ...run, createdAt: new Date(clock.now()).toISOString() };
}

function owed(): number {
  return journal.query<{ n: number }>("SELECT count(*) AS n FROM outbox")[0]?.n ?? 0;
}

if (journal.head() === 0) {
  const ids = Array.from({ length: Number(count) }, (_, n) => `r${n}`);
  const ends = ids.map((id) => ({ topic: `run/${id}`, type: "run.completed", data: { runId: id } }));
  await journal.append(
    ends,
    ids.flatMap((id) => webhookWrites({ id, webhook: { url } }, clock.now())),
  );
}
const webhooks = new Webhooks({
  journal,
  clock,
  env: {},
  allow: ["127.0.0.0/8"],
  view,
  log: () => undefined,
  onError: (error) => console.error(error),
});
webhooks.start();
while (owed() > 0) await clock.sleep(LOOK_MS);
await webhooks.close();
journal.close();
