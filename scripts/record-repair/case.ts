/** One log to record: what is built or run, and what the catalogue has to make of it. */
export interface Case {
  readonly name: string;
  readonly entry: number;
  readonly expect: object;
  readonly how?: string;
  readonly files: Readonly<Record<string, string>>;
  readonly modes?: Readonly<Record<string, string>>;
  /** What is recorded is the build; without it, a run of the image. */
  readonly builder?: "classic" | "buildkit";
  /** Of `docker create`; `$PWD` is the folder of the files. */
  readonly flags?: readonly string[];
  readonly argv?: readonly string[];
  /** Another container holds the port already. */
  readonly portTaken?: true;
  /** What the catalogue is told instead of `files`, where an image cannot be had here. */
  readonly told?: Readonly<Record<string, string>>;
  readonly untilUnhealthy?: boolean;
  readonly state?: false;
  readonly config?: object;
}

/** An entrypoint that passes on what it is given. */
export const SH = `#!/bin/sh\necho started\nexec "$@"\n`;
export const entrypoint = (from: string, more = ""): string =>
  `FROM ${from}\nCOPY entrypoint.sh /entrypoint.sh\n${more}ENTRYPOINT ["/entrypoint.sh"]\nCMD ["true"]\n`;
export const PY = "FROM python:3.11-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt || true\nCOPY . .\n";
