import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A unix socket in front of docker's own, which can be taken away and given back, as a restart of docker does. */
export class FlakySocket {
  private server: Server | undefined;
  private readonly open = new Set<Socket>();

  constructor(
    readonly path: string,
    private readonly target: string,
  ) {
    this.give();
  }

  give(): void {
    this.server = createServer((near) => {
      const far = connect(this.target);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.open.add(from);
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.open.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    }).listen(this.path);
  }

  async take(): Promise<void> {
    for (const socket of this.open) socket.destroy();
    const { server } = this;
    this.server = undefined;
    if (server) await new Promise((done) => server.close(done));
    rmSync(this.path, { force: true });
  }
}
