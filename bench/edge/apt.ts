import { messageOf } from "../../src/kernel/errors.ts";
import { execute } from "../peers/execute.ts";

/** Debian's. Throws what is missing and how to get it. */
export async function aptInstall(...packages: readonly string[]): Promise<void> {
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", DEBIAN_FRONTEND: "noninteractive" };
  const apt = ["apt-get", "-o", "Dpkg::Options::=--force-confdef"];
  try {
    await execute([...apt, "update", "-qq"], { env, timeoutMs: 120_000 });
    await execute([...apt, "install", "-y", "-qq", "--no-install-recommends", ...packages], { env, timeoutMs: 240_000 });
  } catch (error) {
    throw new Error(`${packages.join(", ")} is not installed and apt cannot bring it: ${messageOf(error)}`, { cause: error });
  }
}

/** Debian keeps servers where a user's PATH does not lead. */
export function whereIs(program: string): string | undefined {
  return Bun.which(program, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin:/usr/bin` }) ?? undefined;
}

export function located(program: string): string {
  const path = whereIs(program);
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}
