import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
import { errnoOf, fileTrouble, OrcoError } from "../kernel/errors.ts";
import { readTextFile } from "../kernel/read-text.ts";
import { runCommand } from "../supervise/command.ts";
import { MAX_PROFILE_BYTES, NO_PROFILES, parseProfile, PROFILE_FILE, type Profiles } from "./profile.ts";

const GIT_TIMEOUT_MS = 30_000;
const OUTPUT_PATIENCE_MS = 5000;
const COMMIT = /^[0-9a-f]{40,64}$/;

export interface ProfileSource {
  readonly workspace: string;
  /** Null: as it lies there. */
  readonly commit: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/**
 * orco.repair.yaml as of a commit, so that nothing that lies about uncommitted changes who may approve. As it lies there where there is no commit, or
 * the commit has no such file; without any, nothing is asked for. Throws `invalid` with diagnostics.
 */
export async function readProfiles(source: ProfileSource): Promise<Profiles> {
  const file = join(source.workspace, PROFILE_FILE);
  const committed = source.commit === null ? undefined : await atCommit({ ...source, commit: source.commit });
  const text = committed ?? onDisk(file);
  return text === undefined ? NO_PROFILES : parseProfile(text, file);
}

function onDisk(file: string): string | undefined {
  try {
    return readTextFile(file, MAX_PROFILE_BYTES);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new OrcoError("invalid", `${file} cannot be read: ${fileTrouble(error)}`, { file }, { cause: error });
  }
}

/** The commit that is checked out; null where the folder is in no repository, or in one without any. */
export async function headOf({ workspace, env, clock }: Omit<ProfileSource, "commit">): Promise<string | null> {
  const { code, text } = await git(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], { workspace, env, clock });
  return code === 0 && COMMIT.test(text.trim()) ? text.trim() : null;
}

/** Undefined where it has none. `cat-file` runs nothing that a repository's own settings name. */
async function atCommit({ commit, ...place }: ProfileSource & { commit: string }): Promise<string | undefined> {
  if (!COMMIT.test(commit)) throw new OrcoError("invalid", `${JSON.stringify(commit)} is no commit`, { commit });
  const { code, text, said } = await git(["cat-file", "blob", `${commit}:./${PROFILE_FILE}`], place);
  if (code === 0) return text;
  const isThere = (await git(["cat-file", "-e", `${commit}^{commit}`], place)).code === 0;
  if (isThere && /does not exist in|exists on disk, but not in/.test(said)) return undefined;
  const { workspace } = place;
  throw new OrcoError("invalid", `git cannot read ${PROFILE_FILE} of ${commit}: ${said.slice(-500)}`, { workspace, commit });
}

/** Nothing of the repository's own settings that would run a program has a part in what is called here. */
async function git(
  args: readonly string[],
  { workspace, env, clock }: Omit<ProfileSource, "commit">,
): Promise<{ readonly code: number | undefined; readonly text: string; readonly said: string }> {
  if (!existsSync(workspace)) throw new OrcoError("invalid", `the folder ${workspace} is not there any more`, { workspace });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const { code, output } = await runCommand({
    argv: ["git", "-c", "safe.directory=*", "-C", workspace, ...args],
    cwd: workspace,
    env: { PATH: env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
    timeoutMs: GIT_TIMEOUT_MS,
    clock,
    onOutput: (chunk, stream) => {
      if (stream === "stderr") return;
      bytes += chunk.length;
      if (bytes <= MAX_PROFILE_BYTES) chunks.push(chunk);
    },
    outputPatienceMs: OUTPUT_PATIENCE_MS,
  });
  if (bytes > MAX_PROFILE_BYTES) throw new OrcoError("invalid", `${PROFILE_FILE} is larger than ${MAX_PROFILE_BYTES} bytes`, { workspace });
  return { code, text: Buffer.concat(chunks).toString("utf8"), said: output };
}
