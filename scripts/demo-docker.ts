/**
 * `npm run demo:docker`: examples/mixed-stack – containers and a process in one stack – with an update under load, the daemon killed, a container removed;
 * and a broken service of a compose project repaired.
 * Needs docker. IMAGE names an image with a shell, nc and httpd (default: busybox:1.37, which docker pulls). Exit code 0 when every step held.
 */
import { dockerSteps, removeLeftovers } from "./demo/docker.ts";
import { show } from "./demo/show.ts";
import { buildStage } from "./demo/stage.ts";

const built = await buildStage("examples/mixed-stack/stack.yaml");
// Another stack of this name may be up.
const stage = { ...built, env: { ...built.env, STACK: `mixed-${process.pid}` } };
console.log(`orco demo with docker: ${stage.command.join(" ")}\n  home ${stage.home}, web on ${stage.webUrl}`);
await show({
  stage,
  steps: dockerSteps,
  cleanUp: () => removeLeftovers(stage),
});
