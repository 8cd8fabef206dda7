import { expect, test } from "bun:test";
import { freePort } from "../../../test/free-port.ts";
import { systemClock } from "../../kernel/clock.ts";
import { RedisLink } from "./link.ts";

test("what cannot be connected to is said with its place, and never with its password", async () => {
  const port = freePort();
  for (const url of [`redis://me:hunter22@127.0.0.1:${port}`, `redis://:hunter22@127.0.0.1:${port}/nothing`]) {
    const logged: string[] = [];
    const link = new RedisLink({
      url,
      clock: systemClock(),
      onUp: () => undefined,
      log: (...all) => void logged.push(JSON.stringify(all)),
    });
    await link.start();
    link.close();
    expect(logged.length).toBe(1);
    expect(logged[0]).toContain(`no connection to 127.0.0.1:${port}`);
    expect(logged[0]).not.toContain("hunter22");
  }
});
