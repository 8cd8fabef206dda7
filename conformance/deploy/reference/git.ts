import { rm } from "node:fs/promises";
import { Refusal } from "./contract.ts";
import type { Is } from "./mutants.ts";

/** The 40 hex digits of a commit. Throws `Refusal` 422 when it is none, 400 when it cannot be meant as one. */
export async function resolveCommit(repo: string, ref: unknown, is: Is): Promise<string> {
  if (is("option-refs") && typeof ref === "string") return git("-C", repo, "log", "-1", "--format=%H", ref);
  if (typeof ref !== "string" || ref.trim() === "") throw new Refusal(400, "commit: a text that git resolves");
  if (ref.startsWith("-")) throw new Refusal(400, `${ref} looks like an option: a commit never begins with -`);
  try {
    return await git("-C", repo, "rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`);
  } catch (error) {
    if (is("unknown-is-main")) return git("-C", repo, "rev-parse", "main");
    throw new Refusal(422, `${ref} is no commit of ${repo}: ${String(error)}`);
  }
}

/** The files of a commit, in a folder that holds nothing else afterwards. */
export async function checkOut(repo: string, commit: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await git("clone", "--quiet", "--no-checkout", repo, folder);
  await git("-C", folder, "checkout", "--quiet", "--detach", commit);
}

async function git(...args: string[]): Promise<string> {
  const child = Bun.spawn(["git", "-c", "core.hooksPath=/dev/null", ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Refusal(422, err.trim());
  return out.trim();
}
