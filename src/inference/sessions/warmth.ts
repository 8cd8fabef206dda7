/** An engine keeps what it computed of a conversation until others need the room; how much room there is it does not say. */
const HALVES_EVERY_ANSWERS = 4;
const HALVES_EVERY_MS = 120_000;
const MAX_REPLICAS = 10_000;

/** One replica, from its first answer until it is gone; one that comes back is another. */
class Replica {
  answers = 0;
  isGone = false;
}

/** Where a session was answered last. */
export class Held {
  replica: Replica | undefined;
  at = 0;
  /** Answers of the replica up to then. */
  answers = 0;
}

/** How likely a replica still holds what a session left there. */
export class Warmth {
  private readonly replicas = new Map<string, Replica>();

  answered(held: Held, name: string, now: number): void {
    const replica = this.replicas.get(name) ?? new Replica();
    this.replicas.delete(name);
    this.replicas.set(name, replica);
    if (this.replicas.size > MAX_REPLICAS) this.dropOldest();
    // Turns of one conversation do not push it out.
    if (held.replica !== replica || held.answers < replica.answers) replica.answers += 1;
    held.replica = replica;
    held.at = now;
    held.answers = replica.answers;
  }

  gone(name: string): void {
    const replica = this.replicas.get(name);
    if (replica) replica.isGone = true;
    this.replicas.delete(name);
  }

  /** 1: it just answered. Halves with every few answers to others, and with time. */
  of({ replica, at, answers }: Held, now: number): number {
    if (!replica || replica.isGone) return 0;
    const halvings = (replica.answers - answers) / HALVES_EVERY_ANSWERS + (now - at) / HALVES_EVERY_MS;
    return Number((2 ** -halvings).toFixed(2));
  }

  private dropOldest(): void {
    const [oldest] = this.replicas.keys();
    if (oldest !== undefined) this.gone(oldest);
  }
}
