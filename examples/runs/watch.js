const log = document.querySelector("#log");
const show = (name, data) => log.append(Object.assign(document.createElement("li"), { textContent: `${name} ${JSON.stringify(data)}` }));

async function watch(base, runId, apiKey) {
  const path = `/runs/${runId}/events`;
  const query = new URLSearchParams();
  if (apiKey) {
    const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
    const answer = await fetch(`${base}/tickets`, { method: "POST", headers, body: JSON.stringify({ path }) });
    query.set("ticket", (await answer.json()).ticket);
  }
  const events = new EventSource(`${base}${path}?${query}`);
  for (const name of ["hello", "status", "step", "checkpoint", "log", "gap", "end"])
    events.addEventListener(name, (event) => {
      show(name, JSON.parse(event.data));
      if (name === "end") events.close();
    });
  events.onerror = () => show("cut", { readyState: events.readyState });
}

const asked = new URLSearchParams(location.search);
await watch(asked.get("base") ?? "", asked.get("run"), asked.get("key"));
