import { join } from "node:path";
import { until } from "../until.ts";
import { ORCO, type Rig } from "./rig.ts";

const WAIT_MS = 15_000;

interface Window {
  readonly rig: Rig;
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
}

/** A real terminal, on a tmux server of its own, with a shell in it: keys go in, what is on its screen comes out. */
export class Terminal implements AsyncDisposable {
  private constructor(
    private readonly socket: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** `orco <args>` in it; `assign` as a shell takes it: `TERM=dumb`. */
  static orco(args: string, { assign = "", ...window }: Window & { assign?: string }): Promise<Terminal> {
    return Terminal.open(`${assign} ${ORCO} ${args}`, window);
  }

  /** The shell runs the command, then says `left <exit code>` and the terminal's settings. */
  static async open(command: string, { rig, cwd, columns = 80, rows = 24 }: Window): Promise<Terminal> {
    const { PATH = "" } = process.env;
    const socket = join(cwd, `tmux-${terminals.next().value}.sock`);
    // The mark by which a rig finds, at its end, whatever it has started.
    const mark = { TMPDIR: join(rig.dir, "tmp"), HOME: rig.dir, ORCO_HOME: rig.home, ORCHD_BIND_ADDR: "127.0.0.1:0" };
    const terminal = new Terminal(socket, { PATH, LANG: "C.UTF-8", ...mark });
    const script = `${command}; echo "left $?"; stty -a | tr ' ;' '\\n\\n' | grep -x -e '-*icanon' -e '-*echo' -e '-*isig'; exec sleep 1000`;
    await terminal.tmux("-f", "/dev/null", "new-session", "-d", "-c", cwd, "-x", String(columns), "-y", String(rows), script);
    return terminal;
  }

  /** By tmux's names: `Enter`, `Escape`, `C-c`, `PPage`; else as they are. */
  async press(...keys: string[]): Promise<void> {
    await this.tmux("send-keys", ...keys);
  }

  async type(text: string): Promise<void> {
    await this.tmux("send-keys", "-l", text);
  }

  async paste(text: string): Promise<void> {
    await this.tmux("set-buffer", text);
    await this.tmux("paste-buffer", "-p");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  async screen(): Promise<string[]> {
    return (await this.tmux("capture-pane", "-p")).split("\n").slice(0, -1);
  }

  /** Waits for a screen; resolves with it. */
  async see(what: string, wanted: (lines: string[], all: string) => boolean): Promise<string[]> {
    let last: string[] = [];
    const found = async (): Promise<string[] | undefined> => {
      last = await this.screen();
      return wanted(last, last.join("\n")) ? last : undefined;
    };
    return until(what, found, WAIT_MS).catch((error: unknown) => {
      throw new Error(`${String(error)}\nthe screen:\n${last.join("\n")}`);
    });
  }

  /** Of the terminal: `alternate_on`, `cursor_flag`, `mouse_any_flag`, `pane_pid`. */
  async flag(name: string): Promise<string> {
    return (await this.tmux("display-message", "-p", `#{${name}}`)).trim();
  }

  /** Back in the shell, and the terminal as it was before. */
  async seeLeft(code: number): Promise<string[]> {
    const lines = await this.see(`orco to leave with ${code}`, (_, all) => all.includes(`left ${code}`) && all.includes("\necho"));
    const flags = await Promise.all(["alternate_on", "cursor_flag", "mouse_any_flag", "wrap_flag"].map((name) => this.flag(name)));
    const modes = lines.filter((line) => /^-?(?:icanon|echo|isig)$/.test(line)).toSorted((a, b) => a.localeCompare(b));
    const state = [...flags, ...modes].join(" ");
    if (state !== "0 1 0 1 echo icanon isig") throw new Error(`the terminal was left as ${state}\n${lines.join("\n")}`);
    return lines;
  }

  /** The pid of orco. */
  async pid(): Promise<number> {
    const shell = await this.flag("pane_pid");
    const found = await Bun.$`pgrep -P ${shell}`.text();
    return Number(found.trim().split("\n")[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tmux("kill-server");
  }

  private async tmux(...args: string[]): Promise<string> {
    const child = Bun.spawn(["tmux", "-u", "-S", this.socket, ...args], { env: { ...this.env }, stdout: "pipe", stderr: "pipe" });
    const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(`tmux ${args[0]} exited ${code}: ${err}`);
    return out;
  }
}

const terminals = (function* count(): Generator<number, never> {
  for (let n = 1; ; n++) yield n;
})();
