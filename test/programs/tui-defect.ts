// tui-defect.ts throw|reject|exit: the screen over a client that breaks in this way when it is asked for the graph (key g).
import { Client } from "../../src/client/client.ts";
import { Tui } from "../../src/tui/tui.ts";

class Broken extends Client {
  override stack() {
    return Promise.resolve({ stack: "demo", services: [] });
  }

  override graph(): never {
    const how = process.argv[2];
    if (how === "exit") process.exit(7);
    if (how === "reject") void Promise.reject(new Error("a defect"));
    else setTimeout(() => fail());
    return new Promise(() => undefined) as never;
  }
}

function fail(): never {
  throw new Error("a defect");
}

const tui = new Tui({ client: new Broken({ socket: "/nowhere/orco.sock" }), stack: "demo", color: false });
tui.open();
try {
  await tui.left;
} catch (error) {
  await tui.close();
  console.error(String(error));
  process.exit(1);
}
