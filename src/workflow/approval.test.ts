import { afterEach, describe, expect, test } from "bun:test";
import { contentHash } from "./approval.ts";
import type { Approval, Workflow } from "./define.ts";
import { type Life, Lives, REQUEST } from "./lives.fake.ts";

const open: Lives[] = [];
afterEach(() => {
  for (const lives of open.splice(0)) lives[Symbol.dispose]();
});

interface Asked {
  readonly content?: { readonly [key: string]: string };
  readonly roles?: readonly string[];
}

async function asking(asked: () => Asked = () => ({})): Promise<{ lives: Lives; life: Life; id: string }> {
  const work: Workflow = async ({ step, approval }) => {
    await step("before", async () => null);
    const { content = { what: "this" }, roles } = asked();
    const given = await approval("gate", { summary: "may I?", content, expiresMs: 60_000, ...(roles && { roles }) });
    await step("after", async () => null);
    return { by: given.approver.id, at: given.at };
  };
  const lives = new Lives(() => ({ work }));
  open.push(lives);
  const life = lives.next();
  const { id } = await life.runs.submit(REQUEST);
  await life.runs.settled(id, undefined, { orWaiting: true });
  return { lives, life, id };
}

const me = { id: "me" };

describe("approval", () => {
  test("is bound to its content: key order does not matter, everything else does", () => {
    expect(contentHash({ a: 1, b: [{ c: 2, d: 3 }] })).toBe(contentHash({ b: [{ d: 3, c: 2 }], a: 1 }));
    expect(contentHash({ a: 1 })).not.toBe(contentHash({ a: "1" }));
    expect(contentHash({})).toBe("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  });

  test("lets the run go on, with who, when and to what", async () => {
    const { lives, life, id } = await asking();
    const hash = contentHash({ what: "this" });
    expect(life.runs.steps(id)[1]).toMatchObject({
      status: "waiting",
      waiting: { kind: "approval", summary: "may I?", content: { what: "this" }, contentHash: hash },
    });
    await life.runs.decide(id, { decision: "approve", approver: me, comment: "fine", content_hash: hash });
    expect(life.runs.steps(id)[1]).toMatchObject({ status: "completed", detail: "approved by me: fine", result: { content_hash: hash } });
    expect(await lives.drive(life, id)).toMatchObject({ status: "completed", result: { by: "me" } });
  });

  test("two at once: one decides, the other is told so; nothing is decided twice", async () => {
    const { life, id } = await asking();
    const both = await Promise.allSettled([
      life.runs.decide(id, { decision: "approve", approver: me }),
      life.runs.decide(id, { decision: "reject", approver: { id: "you" } }),
    ]);
    expect(both).toMatchObject([{ status: "fulfilled" }, { status: "rejected", reason: { code: "approval_not_applicable" } }]);
    expect(await life.runs.settled(id)).toMatchObject({ status: "completed" });
    expect(life.runs.decide(id, { decision: "approve", approver: me })).rejects.toMatchObject({ code: "approval_not_applicable" });
    expect(life.runs.decide("01890000-0000-7000-8000-000000000000", { decision: "approve", approver: me })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("rejected, or not given in time: approval_denied", async () => {
    const rejected = await asking();
    await rejected.life.runs.decide(rejected.id, { decision: "reject", approver: { ...me, role: "owner" }, comment: "no" });
    const { at = 0 } = (rejected.life.runs.steps(rejected.id)[1]?.result ?? {}) as Partial<Approval>;
    const facts = { step: "gate", approver: "me", approver_role: "owner", decided_at: new Date(at).toISOString() };
    expect(await rejected.life.runs.settled(rejected.id)).toMatchObject({
      status: "failed",
      error: { code: "approval_denied", message: "gate was rejected by me: no", facts },
    });
    const forgotten = await asking();
    const row = await forgotten.lives.drive(forgotten.life, forgotten.id);
    expect(row).toMatchObject({ status: "failed", error: { code: "approval_denied", facts: { expired: true } } });
  });

  test("is refused for another content, for the wrong role, for another step, and for cancelled runs", async () => {
    const { life, id } = await asking(() => ({ roles: ["owner", "lead"] }));
    const decide = (more: object) => life.runs.decide(id, { decision: "approve", approver: { id: "me", role: "owner" }, ...more });
    expect(decide({ content_hash: "0" })).rejects.toMatchObject({
      code: "approval_void",
      facts: { content_hash: contentHash({ what: "this" }) },
    });
    expect(decide({ approver: me })).rejects.toMatchObject({
      code: "forbidden",
      facts: { roles: ["owner", "lead"] },
      message: `only owner or lead may decide gate of run ${id}; you are ${me.id}, without a role`,
    });
    expect(decide({ approver: { id: "me", role: "guest" } })).rejects.toMatchObject({ code: "forbidden" });
    expect(decide({ step: "before" })).rejects.toMatchObject({ code: "approval_not_applicable" });
    expect(life.runs.deliver(id, "gate", { decision: "approve" })).rejects.toMatchObject({ code: "conflict" });
    await life.runs.cancel(id);
    expect(decide({})).rejects.toMatchObject({ code: "approval_not_applicable" });
  });

  test("is not given by a signal that came before it was asked for", async () => {
    const gate = Promise.withResolvers<null>();
    const content = { what: "this" };
    const work: Workflow = async ({ step, approval }) => {
      await step("before", () => gate.promise);
      const { approver } = await approval("gate", { summary: "may I?", content, expiresMs: 60_000, roles: ["owner"] });
      return { by: approver.id };
    };
    const lives = new Lives(() => ({ work }));
    open.push(lives);
    const life = lives.next();
    const { id } = await life.runs.submit(REQUEST);
    await life.runs.deliver(id, "gate", { decision: "approve", approver: { id: "mallory" }, at: 1, content_hash: contentHash(content) });
    gate.resolve(null);
    const row = await life.runs.settled(id, undefined, { orWaiting: true });
    const asked = life.runs.steps(id).find(({ name }) => name === "gate");
    expect([row.status, asked?.status, asked?.result]).toEqual(["running", "waiting", null]);
    await life.runs.decide(id, { decision: "approve", approver: { id: "me", role: "owner" } });
    expect(await lives.drive(life, id)).toMatchObject({ status: "completed", result: { by: "me" } });
  });

  test("waits on in the next daemon, decided before the workflow has come to it again", async () => {
    const { lives, id } = await asking();
    const second = lives.next();
    second.runs.resume();
    await second.runs.decide(id, { decision: "approve", approver: me });
    expect(await lives.drive(second, id)).toMatchObject({ status: "completed" });
  });

  test("of something else than a new daemon asks for is void; undecided, it shows what is asked for now", async () => {
    let content = { what: "this" };
    const undecided = await asking(() => ({ content }));
    content = { what: "that" };
    const second = undecided.lives.next();
    second.runs.resume();
    while (second.runs.steps(undecided.id)[1]?.waiting?.content?.["what"] !== "that") await new Promise(setImmediate);
    const old = { decision: "approve", approver: me, content_hash: contentHash({ what: "this" }) } as const;
    expect(second.runs.decide(undecided.id, old)).rejects.toMatchObject({ code: "approval_void" });

    const decided = await asking(() => ({ content }));
    await decided.life.runs.decide(decided.id, { decision: "approve", approver: me });
    content = { what: "else" };
    const third = decided.lives.next();
    third.runs.resume();
    expect(await decided.lives.drive(third, decided.id)).toMatchObject({ status: "failed", error: { code: "approval_void" } });
  });

  test("whoever waits for the end can wait for the question instead", async () => {
    const { life, id } = await asking();
    expect(await life.runs.settled(id, undefined, { orWaiting: true })).toMatchObject({ status: "running" });
    await life.runs.decide(id, { decision: "approve", approver: me });
    expect(await life.runs.settled(id, undefined, { orWaiting: true })).toMatchObject({ status: "completed" });
  });
});
