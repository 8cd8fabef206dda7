// asker.ts URL: asks for it again and again until SIGTERM; then prints {"sent": n, "failures": [...]}.
import { Traffic } from "../chaos/traffic.ts";

const traffic = new Traffic(process.argv[2] ?? "", { connections: 4, pauseMs: 10 });
process.on("SIGTERM", () => {
  void traffic.stop().then(() => {
    console.log(JSON.stringify({ sent: traffic.sent, failures: traffic.failures }));
    process.exit(0);
  });
});
