const NAMES = ["hello", "status", "step", "checkpoint", "log", "gap", "snapshot", "reset", "end"];
const OVER = ["completed", "failed", "canceled"];
const AGAIN_MS = 2000;

const log = document.querySelector("#log");
const show = (name, data) => log.append(Object.assign(document.createElement("li"), { textContent: `${name} ${JSON.stringify(data)}` }));

/** Shows each event of a run once and in order until it has ended. `last`: the id of the last one shown. */
async function watch(run, last = "") {
  const path = `/runs/${run.id}/events`;
  const query = new URLSearchParams({ lastEventId: last });
  if (run.key) query.set("ticket", await ticketFor(path, run));
  const events = new EventSource(`${run.base}${path}?${query}`);
  let isOver = false;
  for (const name of NAMES)
    events.addEventListener(name, (event) => {
      const data = JSON.parse(event.data);
      show(name, data);
      last = event.lastEventId || last;
      isOver ||= name === "end" || (name === "status" && OVER.includes(data.status));
      if (name === "end") events.close();
    });
  events.addEventListener("error", () => {
    // After a cut it comes back by itself. Only when it was refused (the ticket is over, say) it is for us to begin again.
    if (events.readyState === EventSource.CLOSED && !isOver) later(run, last, "refused");
  });
}

/** EventSource cannot send the key, and a key does not belong into a URL. */
async function ticketFor(path, { base, key }) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const answer = await fetch(`${base}/tickets`, { method: "POST", headers, body: JSON.stringify({ path }) });
  const { ticket, message } = await answer.json();
  if (!answer.ok) throw new Error(message);
  return ticket;
}

function later(run, last, why) {
  show("cut", { why });
  setTimeout(() => void watch(run, last).catch((error) => later(run, last, error.message)), AGAIN_MS);
}

const asked = new URLSearchParams(location.search);
const run = { base: asked.get("base") ?? "", id: asked.get("run"), key: asked.get("key") };
watch(run).catch((error) => later(run, "", error.message));
