import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { WatchSpec } from "../../stack/spec.ts";
import { type Burst, restMs } from "./batch.ts";
import { Bells } from "./bells.ts";
import type { Seen } from "./decide.ts";
import { gitFolderOf, isChanging } from "./git.ts";
import { Tree } from "./tree.ts";

/** Bells that ring together are looked after once. */
const LOOK_MS = 20;
/** A look takes no more than this share of the time. */
const LOOK_SHARE = 4;
/** Roots that come and go without a bell, and everything where there are no bells. */
const HEARTBEAT_MS = 1000;
/** The kernel's queue of events has room for 16,384: after so many some may have been lost, and everything is compared. */
const MANY_HINTS = 8000;

/** What to watch for whom. */
export interface Watched extends WatchSpec {
  /** Absent: a file the stack is made of. */
  readonly service?: string;
}

interface Spot {
  readonly tree: Tree;
  readonly git: string | undefined;
  /** For whom. */
  users: readonly Watched[];
}

interface WatcherPorts {
  readonly clock: Clock;
  /** Everything that changed in a burst. */
  readonly onSeen: (seen: readonly Seen[]) => void;
  readonly onTrouble: (why: string) => void;
}

/** Watches files and folders, and tells what changed when it has been quiet for a moment. */
export class Watcher {
  private readonly spots = new Map<string, Spot>();
  private readonly bells: Bells;
  private readonly pending = new Map<Spot, Set<string>>();
  private burst: Burst | undefined;
  private hints = 0;
  private cancelLook: CancelTimer | undefined;
  private cancelRest: CancelTimer = () => undefined;
  private cancelBeat: CancelTimer = () => undefined;
  private closed = false;
  private restedUntil = 0;

  constructor(private readonly ports: WatcherPorts) {
    this.bells = new Bells(ports.onTrouble);
    this.beat();
  }

  /** From now on these; those that were watched before go on without a gap. */
  watch(wanted: readonly Watched[]): void {
    const groups = Map.groupBy(wanted, ({ path, ignore }) => JSON.stringify([path, ignore]));
    for (const [key, { tree }] of [...this.spots].filter(([known]) => !groups.has(known))) {
      tree.close();
      this.spots.delete(key);
    }
    for (const [key, users] of groups) {
      const known = this.spots.get(key);
      if (known) known.users = users;
      else for (const place of users.slice(0, 1)) this.spots.set(key, this.open(place, users));
    }
  }

  close(): void {
    this.closed = true;
    this.cancelLook?.();
    this.cancelRest();
    this.cancelBeat();
    for (const { tree } of this.spots.values()) tree.close();
    this.bells.close();
  }

  private open({ path, ignore }: Watched, users: readonly Watched[]): Spot {
    const tree = new Tree(path, ignore, { bells: this.bells, onHint: () => this.hint() });
    // As it is now: what is there has not changed.
    tree.look();
    return { tree, git: gitFolderOf(path), users };
  }

  private hint(): void {
    this.hints += 1;
    if (this.cancelLook || this.closed) return;
    const waitMs = Math.max(LOOK_MS, this.restedUntil - this.ports.clock.monotonic());
    this.cancelLook = this.ports.clock.after(waitMs, () => this.look(false));
  }

  private beat(): void {
    this.cancelBeat = this.ports.clock.after(HEARTBEAT_MS, () => {
      this.look(this.bells.mustPoll);
      if (!this.closed) this.beat();
    });
  }

  /** Collects what has changed. */
  private look(all: boolean): void {
    const { clock } = this.ports;
    this.cancelLook?.();
    this.cancelLook = undefined;
    const began = clock.monotonic();
    for (const spot of this.spots.values()) {
      const paths = spot.tree.look(all);
      if (paths.length > 0) this.pending.set(spot, new Set([...(this.pending.get(spot) ?? []), ...paths]));
      if (paths.length > 0) this.burst = { firstAt: this.burst?.firstAt ?? began, lastAt: clock.monotonic() };
    }
    const now = clock.monotonic();
    this.restedUntil = now + LOOK_SHARE * (now - began);
    this.rest();
  }

  private rest(): void {
    this.cancelRest();
    if (!this.burst || this.closed) return;
    const { clock } = this.ports;
    const gitIsBusy = [...this.pending.keys()].some(({ git }) => git !== undefined && isChanging(git, clock.now()));
    const waitMs = restMs(this.burst, { now: clock.monotonic(), gitIsBusy });
    if (waitMs > 0) this.cancelRest = clock.after(waitMs, () => this.settle());
    else this.tell();
  }

  /** Once more, for what no bell has told. */
  private settle(): void {
    const many = this.hints > MANY_HINTS;
    this.hints = 0;
    this.look(many || this.bells.mustPoll);
  }

  private tell(): void {
    const seen = [...this.pending].flatMap(([{ users }, paths]) =>
      users.map(({ service, action }): Seen => ({ ...(service !== undefined && { service }), action, paths: [...paths].sort() })),
    );
    this.pending.clear();
    this.burst = undefined;
    this.hints = 0;
    this.ports.onSeen(seen);
  }
}
