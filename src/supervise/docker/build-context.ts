/** Hash over everything that goes into a build: files of the context that .dockerignore leaves in, the Dockerfile, arguments and target. */
export function buildDigest(_build: {
  readonly context: string;
  readonly dockerfile?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
}): Promise<string> {
  throw new Error("not yet");
}
