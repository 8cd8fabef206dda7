import type { Client } from "../client/client.ts";
import { messageOf } from "../kernel/errors.ts";
import type { StackView } from "../stack/view.ts";
import { sanitizeText } from "../terminal/sanitize.ts";
import { Actions } from "./actions.ts";
import { commandOf, type Command } from "./command.ts";
import { frame } from "./frame.ts";
import { Keyboard } from "./keyboard.ts";
import { LogFeed } from "./log-feed.ts";
import { paintWith } from "./paint.ts";
import { Painter } from "./painter.ts";
import { reduce } from "./reduce.ts";
import { initialState, type Event, type State } from "./state.ts";
import { Terminal } from "./terminal.ts";
import { feedViews } from "./view-feed.ts";

export interface TuiOptions {
  readonly client: Client;
  readonly stack: string;
  readonly color: boolean;
  /** `up`: Ctrl-C is its affair, each time, and so is SIGINT; without, both leave like q. */
  readonly onInterrupt?: () => void;
  readonly onView?: (view: StackView) => void;
  /** Of logs: only from then on, epoch ms. */
  readonly sinceMs?: number;
  /** The stack's change was admitted a moment ago. */
  readonly mayAppear?: boolean;
}

/** Why it ended: `quit` by key, `gone` with the stack, `closed` with its terminal, or by a signal. */
export type Left = { readonly why: "quit" | "gone" | "closed" } | { readonly why: "signal"; readonly signal: NodeJS.Signals };

const SIGNALS = ["SIGTERM", "SIGHUP", "SIGQUIT"] as const;
const TICK_MS = 1000;

/** The screen of a stack, from `open` to `close`. */
export class Tui {
  private state: State;
  private readonly over = new AbortController();
  private readonly ended = Promise.withResolvers<Left>();
  private readonly keyboard: Keyboard;
  private readonly terminal: Terminal;
  private readonly painter: Painter;
  private readonly actions: Actions;
  private readonly logs: LogFeed;

  constructor(private readonly options: TuiOptions) {
    const { client, stack, sinceMs } = options;
    this.keyboard = new Keyboard((key, pasted) => this.press(key, pasted));
    this.terminal = new Terminal({
      onInput: (text) => this.keyboard.feed(text),
      onResize: () => this.resize(),
      onClosed: () => this.end({ why: "closed" }),
    });
    this.state = initialState({ stack, size: this.terminal.size(), owner: options.onInterrupt !== undefined });
    const paint = paintWith(options);
    this.painter = new Painter({
      frame: () => frame(this.state, paint),
      size: () => this.state.size,
      write: (text) => this.terminal.write(text),
    });
    this.actions = new Actions({
      client,
      stack,
      signal: this.over.signal,
      say: (text, tone) => this.say(text, tone),
      asked: (service, replicas) => this.dispatch({ type: "asked", service, replicas }),
      answered: (service, done) => this.dispatch({ type: "answered", service, done }),
    });
    this.logs = new LogFeed({
      client,
      stack,
      ...(sinceMs !== undefined && { sinceMs }),
      onRecords: (records, fresh) => this.dispatch({ type: "records", records, fresh }),
      onError: (error) => this.say(`logs: ${messageOf(error)}`, "error"),
    });
  }

  /** Resolves when the user or the stack has left; rejects with what broke. The terminal is still taken then: `close` gives it back. */
  get left(): Promise<Left> {
    return this.ended.promise;
  }

  open(): void {
    for (const name of SIGNALS) process.on(name, this.onSignal);
    if (!this.options.onInterrupt) process.on("SIGINT", this.onInterrupt);
    process.on("SIGCONT", this.onContinue);
    process.on("uncaughtException", this.onCrash);
    process.on("unhandledRejection", this.onCrash);
    this.terminal.enter();
    this.painter.invalidate();
    this.logs.focus(undefined);
    void this.tick();
    void this.watch();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.over.signal.aborted) return;
    this.over.abort();
    this.logs.stop();
    this.keyboard.stop();
    this.painter.stop();
    await this.terminal.leave();
    for (const name of SIGNALS) process.off(name, this.onSignal);
    process.off("SIGINT", this.onInterrupt);
    process.off("SIGCONT", this.onContinue);
    process.off("uncaughtException", this.onCrash);
    process.off("unhandledRejection", this.onCrash);
  }

  say(text: string, tone: "info" | "error"): void {
    this.dispatch({ type: "said", text, tone, nowMs: Date.now() });
  }

  /** Lines of orco's own, in the log and, the last, as a message. */
  note(text: string): void {
    const timestamp = new Date().toISOString();
    const message = sanitizeText(text).trim();
    this.dispatch({
      type: "records",
      fresh: false,
      records: [{ timestamp, service: "orco", replica: 0, level: "info", message, source: "orco", seq: 0 }],
    });
    this.say(message.split("\n").at(-1) ?? "", "info");
  }

  /** Stands on the last line from now on. */
  phase(phase: string): void {
    this.dispatch({ type: "phase", phase });
  }

  private dispatch(event: Event): void {
    const before = this.state;
    this.state = reduce(before, event);
    if (this.state.logs.focus !== before.logs.focus) this.logs.focus(this.state.logs.focus);
    if (this.state !== before) this.painter.invalidate();
  }

  /** What is pasted by mistake must not stop a service: it goes into the prompt, or nowhere. */
  private press(key: string, pasted: boolean): void {
    if (pasted && !this.state.prompt) return;
    const command = commandOf(this.state, key);
    this.dispatch({ type: "key", key });
    if (command) this.carryOut(command);
  }

  private carryOut(command: Command): void {
    switch (command.kind) {
      case "quit":
        return this.end({ why: "quit" });
      case "interrupt":
        return this.onInterrupt();
      case "redraw":
        return this.painter.repaint();
      case "suspend":
        return void this.suspend();
      case "graph":
        return void this.showGraph();
      case "refuse":
        return this.say(command.why, "error");
      case "act":
        return this.actions.perform(command);
    }
  }

  private end(left: Left): void {
    this.ended.resolve(left);
  }

  private resize(): void {
    this.dispatch({ type: "size", size: this.terminal.size() });
    this.painter.repaint();
  }

  private async suspend(): Promise<void> {
    await this.terminal.leave();
    process.kill(0, "SIGTSTP"); // The whole job, as the terminal itself does it.
  }

  private async showGraph(): Promise<void> {
    try {
      this.dispatch({ type: "graph", graph: await this.options.client.graph(this.options.stack) });
    } catch (error) {
      this.say(`graph: ${messageOf(error)}`, "error");
    }
  }

  private async watch(): Promise<void> {
    const { client, stack, onView, mayAppear = false } = this.options;
    try {
      await feedViews({
        client,
        stack,
        mayAppear,
        signal: this.over.signal,
        onView: (view) => {
          this.dispatch({ type: "view", view });
          onView?.(view);
        },
        onAway: (why) => this.dispatch({ type: "trouble", trouble: `daemon lost, what you see is old; connecting again: ${why}` }),
      });
      this.end({ why: "gone" });
    } catch (error) {
      this.ended.reject(error);
    }
  }

  private async tick(): Promise<void> {
    while (!this.over.signal.aborted) {
      this.dispatch({ type: "tick", nowMs: Date.now() });
      await Bun.sleep(TICK_MS);
    }
  }

  private readonly onInterrupt = (): void => {
    if (this.options.onInterrupt) this.options.onInterrupt();
    else this.end({ why: "quit" });
  };

  private readonly onSignal = (signal: NodeJS.Signals): void => this.end({ why: "signal", signal });

  private readonly onContinue = (): void => {
    this.terminal.renew();
    this.resize();
  };

  private readonly onCrash = (error: unknown): void => this.ended.reject(error);
}
