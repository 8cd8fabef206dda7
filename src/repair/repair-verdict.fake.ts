import { createHash } from "node:crypto";
import type { RepairRecord } from "./record.ts";
import { isWhole, SERVICES, SPOILT } from "./repair-engine.fake.ts";
import type { Telling } from "./repair-story.fake.ts";
import type { Told } from "./repair-told.fake.ts";

/** What must hold of every story when all is over, whatever happened; each line says what does not. */
export function wrongIn(telling: Telling): string[] {
  const { lives, told, wrong } = telling;
  const { life } = lives;
  const lines = [...wrong, ...told.flatMap((one) => wrongWith(telling, one).map((line) => `${line}: ${shown(telling, one)}`))];
  for (const service of SERVICES)
    for (const mark of telling.marks[service])
      if (!lives.dockerfile(service).includes(mark)) lines.push(`what the operator wrote is lost: ${mark}`);
  const strange = lives.errors.filter((error) => !/docker|could not be rolled back/.test(String(error)));
  if (strange.length > 0) lines.push(`errors: ${strange.map(String).join("; ")}`);
  for (const where of life.clock.timers.values()) lines.push(`a timer is left: ${where}`);
  if (life.desk.awaiting() > 0) lines.push(`${life.desk.awaiting()} still wait for an approval`);
  if (life.runs.underWay({}).length > 0) lines.push("runs are left");
  return [...lines, ...wrongLanes(telling)];
}

function wrongWith({ lives }: Telling, one: Told): string[] {
  const record = lives.life.book.get(one.id);
  const wrong: string[] = [];
  const must = (is: boolean, what: string): void => void (is || wrong.push(what));
  const open = Object.values(record.steps).filter(({ status }) => status === "pending" || status === "in_progress");
  must(open.length === 0, "it is over, and steps are not");
  must(one.decided.length <= 1, "it was decided more than once");
  const audited = lives.read("audit").filter(({ type, data }) => data["subject"] === one.id && /approved|rejected/.test(type));
  must(audited.length <= 1, "more than one decision is in the audit log");
  checkScene(one, record, must);
  // Files that somebody edited meanwhile do not keep the former image from serving.
  if (one.status === "rollback_failed" && !lives.docker.troubled.has(one.id) && one.after?.wasLost === false)
    must(one.after.look === one.before.look, `image or container stay changed: ${one.after.look} was ${one.before.look}`);
  checkStatus(one, record, must);
  if (!isTroubled(lives, one)) checkSuccess(one, record, must);
  if (one.status === "rollback_failed") must(isTroubled(lives, one), "it could have been rolled back");
  const left = lives.docker.tagsOf(one.id).filter((tag) => !tag.startsWith("orco-rollback/") || !hasChanged(one, record));
  // Those that a dead daemon left go with its artifacts.
  must(
    left.length === 0 || lives.generation > 1 || one.status === "rollback_failed" || isTroubled(lives, one),
    `images are left: ${left.join(", ")}`,
  );
  return wrong;
}

type Must = (is: boolean, what: string) => void;

function isTroubled({ docker }: Telling["lives"], { id, edited }: Told): boolean {
  return edited || docker.troubled.has(id);
}

function hasChanged({ status }: Told, { dryRun }: RepairRecord): boolean {
  return status === "succeeded" && !dryRun;
}

/** Files, image and container. */
function checkScene(one: Told, record: RepairRecord, must: Must): void {
  const { before, after, edited } = one;
  if (!after) return must(record.before === undefined && one.status !== "succeeded", "it never began, and did something");
  if (hasChanged(one, record)) {
    if (edited) return;
    const post = record.plan?.files[0]?.post_sha256 ?? sha256(before.text);
    must(sha256(after.text) === post, "the file is not what the plan says");
    must(
      after.tree === before.tree.replace(JSON.stringify(before.text), () => JSON.stringify(after.text)),
      `more has changed than one file: ${after.tree}`,
    );
    must(after.imageId === `sha256:${post}`, "the container is not of the new image");
    return must(isWhole(after.text), "it succeeded, and does not serve");
  }
  if (one.status === "rollback_failed") return;
  must(after.tree === before.tree, `files have changed: ${after.tree} was ${before.tree}`);
  // What is gone is built again of the files, which the operator may have changed since.
  const isOther = after.wasLost && before.imageId !== `sha256:${sha256(before.text)}`;
  if (!edited && !isOther) must(after.look === before.look, `image or container have changed: ${after.look} was ${before.look}`);
}

function checkStatus({ status, cancelled, decided }: Told, { steps, approval, patchedAt, dryRun }: RepairRecord, must: Must): void {
  const are = (names: readonly (keyof typeof steps)[], ...possible: string[]): void => {
    for (const name of names) must(possible.includes(steps[name].status), `${status}, and ${name} is ${steps[name].status}`);
  };
  if (status === "succeeded") {
    are(["build", "restart", "verify"], dryRun ? "skipped" : "succeeded");
    are(["rollback"], "skipped");
  }
  if (status === "rolled_back") are(["rollback"], "succeeded");
  if (status === "failed" || status === "rejected") {
    must(patchedAt === undefined, `${status} after something was patched`);
    // What serves is noted by whichever comes first, before anything is changed.
    are(["patch", "build"], "skipped", status === "failed" ? "failed" : "skipped");
    are(["restart", "verify", "rollback"], "skipped");
  }
  if (status === "rejected") must(approval.status === "rejected" || approval.status === "expired", `rejected, and ${approval.status}`);
  if (steps.verify.status === "succeeded" && !cancelled) must(status === "succeeded", `verified, and ${status}`);
  if (status === "canceled") must(cancelled, "canceled by nobody");
  if (decided[0] === "reject") must(status === "rejected" || cancelled, "rejected, and not ended so");
  if (decided[0] === "approve") must(approval.status === "granted", "approved, and not so told");
  must(approval.status !== "awaiting", "it is over, and somebody is asked");
}

/** Where nobody was in its way. */
function checkSuccess({ status, cancelled, text, before, how }: Told, { outcome }: RepairRecord, must: Must): void {
  if (cancelled || status === "rejected") return;
  const is = `${status} ${outcome?.code ?? ""}`;
  if (how === "mend" && text === before.text) must(status === "succeeded", `it is ${is}`);
  const expected = isWhole(before.text) ? "failed nothing_to_repair" : "succeeded ";
  if (how === "rules" && !before.text.includes(SPOILT)) must(is === expected, `it is ${is} instead of ${expected}`);
}

const ENDS: ReadonlySet<string> = new Set(["run.completed", "run.failed", "run.cancelled"]);

/** From the journal: one at a time, and high before normal. */
function wrongLanes({ lives, told }: Telling): string[] {
  return SERVICES.flatMap((service) => {
    const wrong: string[] = [];
    const mine = told.filter((one) => one.service === service);
    const lane = { holder: "", freed: -1, queued: new Map<string, number>(), begun: new Set<string>() };
    for (const { seq, type, topic } of lives.read()) {
      const one = mine.find(({ id }) => topic === `run/${id}`);
      if (!one) continue;
      if (type === "run.queued") lane.queued.set(one.id, seq);
      if (type === "run.started" && lane.holder !== "" && lane.holder !== one.id) wrong.push(`${one.id} began beside ${lane.holder}`);
      const isFirst = type === "run.started" && !lane.begun.has(one.id);
      if (type === "run.started" || ENDS.has(type)) lane.begun.add(one.id);
      if (type === "run.started") lane.holder = one.id;
      if (ENDS.has(type) && lane.holder === one.id) [lane.holder, lane.freed] = ["", seq];
      const passed = mine.filter(
        ({ id, high }) => high && !one.high && !lane.begun.has(id) && (lane.queued.get(id) ?? Infinity) < lane.freed,
      );
      if (isFirst && passed.length > 0) wrong.push(`${one.id} passed one of high priority`);
    }
    return wrong;
  });
}

function shown({ lives }: Telling, { id, service, how, status, decided, edited, cancelled, asks }: Told): string {
  const { steps, approval, outcome, rollback } = lives.life.book.get(id);
  const went = Object.fromEntries(Object.entries(steps).map(([name, { status: at, message }]) => [name, `${at} ${message ?? ""}`]));
  const trouble = lives.docker.troubled.has(id);
  return JSON.stringify({ id, service, how, status, decided, edited, cancelled, asks, trouble, approval, outcome, rollback, went });
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
