/**
 * Kills what is marked with `TMPDIR=<mark>` in its environment and removes `dir`, when this process is gone without having called it off, however
 * it died. `afterAll` is not called when a run of tests is killed, and what a test started would go on for ever.
 */
export function startReaper(dir: string, mark: string): () => void {
  const reaper = Bun.spawn(["/bin/sh", "-c", SCRIPT, "orco-reaper", dir, mark], {
    // Not marked itself.
    env: { PATH: process.env["PATH"] ?? "" },
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  reaper.unref();
  return () => reaper.kill("SIGKILL");
}

/** Some rounds: what dies may have a guard that starts something. */
const SCRIPT = `trap "" HUP INT TERM
cat >/dev/null
for round in 1 2 3 4 5; do
  for file in /proc/[0-9]*/environ; do
    pid=\${file#/proc/}
    grep -qzxF "TMPDIR=$2" "$file" 2>/dev/null && kill -KILL "\${pid%/environ}"
  done
  sleep 0.2
done
rm -rf "$1"`;
