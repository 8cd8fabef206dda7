/** Each breaks one behaviour of the reference: what it does instead, and the scenario that is there to notice. */
export const MUTANTS = {
  "no-swap": { does: "says success and leaves the traffic where it was", caughtBy: 1 },
  "late-swap": { does: "answers before the traffic has moved", caughtBy: 1 },
  "no-health-check": { does: "swaps as soon as the process is started", caughtBy: 2 },
  "swap-on-failure": { does: "swaps although the health check failed", caughtBy: 2 },
  "swap-then-check": { does: "swaps first, checks then, and swaps back", caughtBy: 2 },
  "patient-probe": { does: "waits without end for one answer of the health endpoint", caughtBy: 2 },
  "no-previous": { does: "keeps no previous slot", caughtBy: 3 },
  "rollback-no-swap": { does: "rolls back in its status only", caughtBy: 3 },
  "many-previous": { does: "keeps every former release and rolls back further each time", caughtBy: 4 },
  "rollback-to-nothing": { does: "answers success when there is no previous slot", caughtBy: 5 },
  "two-at-once": { does: "lets a second deploy begin while the first is in progress", caughtBy: 6 },
  "always-healthy": { does: "says healthy whatever happened to the process", caughtBy: 7 },
  "no-force-kill": { does: "asks the old process to end and leaves it at that", caughtBy: 8 },
  "endless-drain": { does: "waits for the old process without end", caughtBy: 8 },
  "close-on-swap": { does: "drops all client connections at the swap", caughtBy: 9 },
  "old-ends-first": { does: "stops the live process before the new one is healthy", caughtBy: 9 },
  "no-drain": { does: "kills the old process at the swap", caughtBy: 10 },
  "unknown-is-main": { does: "deploys main when it does not know the commit", caughtBy: 11 },
  "wait-on-exit": { does: "waits for the whole health timeout although the process has exited", caughtBy: 12 },
  "failure-costs-previous": { does: "loses the rollback target to a failed deploy", caughtBy: 13 },
  "one-way-rollback": { does: "keeps nothing to go forward to after a rollback", caughtBy: 14 },
  "short-sha": { does: "answers with abbreviated commits", caughtBy: 15 },
  "epoch-time": { does: "gives last_deploy_time as a number", caughtBy: 15 },
  "wrong-previous": { does: "gives the new commit as previous_commit", caughtBy: 15 },
  "always-200": { does: "answers errors with status 200", caughtBy: 15 },
  "follow-redirects": { does: "takes the target of a redirect for the health endpoint", caughtBy: 16 },
  "leave-failed": { does: "leaves the process of a failed deploy running", caughtBy: 17 },
  "orphan-children": { does: "kills the process, not what it has started", caughtBy: 17 },
  "no-restart": { does: "leaves a crashed process dead", caughtBy: 18 },
  forgetful: { does: "starts with nothing after a crash of its own", caughtBy: 19 },
  "option-refs": { does: "hands the commit to git as it came", caughtBy: 20 },
  "unchecked-rollback": { does: "rolls back without a health check", caughtBy: 21 },
} as const;

export type Mutant = keyof typeof MUTANTS;
/** Whether this is the behaviour that is broken. */
export type Is = (mutant: Mutant) => boolean;

export function isMutant(name: string): name is Mutant {
  return Object.hasOwn(MUTANTS, name);
}
