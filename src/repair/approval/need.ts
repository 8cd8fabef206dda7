import { isCrossCutting } from "../cross-cutting.ts";
import type { Verdict } from "../finding.ts";
import type { ServiceProfile } from "../project.ts";

export interface ApprovalFacts {
  readonly profile: Pick<ServiceProfile, "protected" | "roles" | "expiresMs">;
  /** What the service is made of: `image` of its configuration, the base image of its Dockerfile. */
  readonly images: readonly string[];
  /** Null where an operator brought the plan. */
  readonly verdict: Verdict | null;
  /** The loop breaker has tripped. */
  readonly breaker: boolean;
  /** Whoever asked wants to be asked. */
  readonly propose: boolean;
  /** What the patch does that the profile allows, and that somebody has to agree to as well, e.g. `the patch changes compose.yaml`. */
  readonly opens: readonly string[];
}

export interface ApprovalNeed {
  readonly required: boolean;
  /** Each a sentence; none: nobody has to approve. */
  readonly reasons: readonly string[];
  /** Who may; anybody when empty. */
  readonly roles: readonly string[];
  readonly expiresMs: number;
}

/** Whether somebody has to approve a patch before it is applied, and every reason for it. */
export function approvalNeed({ profile, images, verdict, breaker, propose, opens }: ApprovalFacts): ApprovalNeed {
  const shared = [...new Set(images.filter(isCrossCutting))];
  const reasons = [
    ...(profile.protected ? ["the service is protected"] : []),
    ...shared.map((image) => `${image} is a proxy, a database or the like: other services depend on it`),
    ...(verdict === "fix" || verdict === null ? [] : ["whether this is what mends the fault is for a person to say"]),
    ...(breaker ? ["the same fault was repaired only a short while ago, and it is back"] : []),
    ...(propose ? ["this repair was asked for as a proposal"] : []),
    ...opens.map((what) => `${what}, which takes an approval besides`),
  ];
  return { required: reasons.length > 0, reasons, roles: profile.roles, expiresMs: profile.expiresMs };
}
