import { join } from "node:path";

export function workerSocket(folder: string, number: number): string {
  return join(folder, `worker-${number}.sock`);
}

/** Its identity as JSON: proves who it is when it does not speak any more. */
export function workerRecord(folder: string, number: number): string {
  return join(folder, `worker-${number}.json`);
}

/** What it writes to its standard streams. */
export function workerLogFile(folder: string, number: number): string {
  return join(folder, `worker-${number}.log`);
}
