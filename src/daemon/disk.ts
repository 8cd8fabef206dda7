import type { OrcoError } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";
import type { Reserve } from "../kernel/reserve.ts";
import type { LogStore } from "../supervise/logs/store.ts";

interface DiskParts {
  readonly journal: Journal;
  readonly logs: LogStore;
  readonly reserve: Reserve;
}

/** What stacks and runs are told of a disk that is full. */
export function diskPorts({ journal, logs, reserve }: DiskParts) {
  return {
    write: <T>(kind: string, act: () => Promise<T>): Promise<T> => (kind === "down" ? reserve.takingDown(act) : act()),
    refusal: (kind: string): OrcoError | undefined => (kind === "down" ? undefined : reserve.refusal()),
    unwritable: ({ stack, service }: { stack: string; service: string }): string | undefined => {
      const failure = journal.failure() ?? logs.failure(stack, service);
      if (!failure) return reserve.trouble();
      return failure.code === "disk_full" ? reserve.full() : failure.message;
    },
  };
}
