import { expect, test } from "bun:test";
import type { Slot } from "../../supervise/instance.ts";
import { scheduleMessage } from "./message.ts";

const NOW = Date.parse("2026-03-28T20:48:00Z");
const MINUTE = 60_000;

function message(over: {
  nextAt?: number;
  paused?: boolean;
  timezone?: string;
  slot?: Partial<Slot>;
  last?: Parameters<typeof scheduleMessage>[0]["last"];
}): string {
  const { nextAt, paused = false, timezone, slot, last } = over;
  return scheduleMessage({
    service: "report",
    spec: { cron: "0 3 * * *", overlap: "skip", ...(timezone !== undefined && { timezone }) },
    kept: { stack: "shop", service: "report", timezone: timezone ?? "UTC", paused, ...(nextAt !== undefined && { nextAt }) },
    last,
    slot: slot && ({ state: "Stopped", reason: "scheduled", ...slot } as Slot),
    now: NOW,
  });
}

test("the next run: its time, the date when that is not today, the zone that was given", () => {
  expect(message({ nextAt: NOW + 72 * MINUTE })).toBe("next run at 22:00 (in 1h 12m)");
  expect(message({ nextAt: NOW + 372 * MINUTE })).toBe("next run at 2026-03-29 03:00 (in 6h 12m)");
  expect(message({ nextAt: NOW + 7_000 })).toBe("next run at 20:48:07 (in 7s)");
  expect(message({ nextAt: NOW + 30 * MINUTE + 20_000 })).toBe("next run at 21:18:20 (in 30m)");
  expect(message({ nextAt: NOW + 50 * 60 * MINUTE })).toBe("next run at 2026-03-30 22:48 (in 2d 2h)");
  expect(message({})).toBe("no next run");
  expect(message({ nextAt: NOW, paused: true })).toBe("paused; orco start report runs it and goes on with its schedule");
});

test("an hour that is left out, and one that comes twice, are told on the clock of the zone", () => {
  const timezone = "Europe/Berlin";
  // 21:48 in Berlin; at 02:00 it is 03:00, so that this is in four hours and a bit.
  expect(message({ timezone, nextAt: Date.parse("2026-03-29T01:00:00Z") })).toBe("next run at 2026-03-29 03:00 Europe/Berlin (in 4h 12m)");
  expect(message({ timezone, nextAt: Date.parse("2026-10-25T01:30:00Z") })).toContain("at 2026-10-25 02:30 Europe/Berlin");
});

test("the last run: how it ended, and when", () => {
  const nextAt = NOW + 72 * MINUTE;
  const exit = { code: 0, reason: "exited", at: NOW - 2 * MINUTE } as const;
  expect(message({ nextAt, slot: { reason: "completed", exit } })).toBe("last run completed 2m ago; next run at 22:00 (in 1h 12m)");
  expect(message({ nextAt, slot: { state: "Failed", message: "exit code 3" } })).toBe(
    "last run failed: exit code 3; next run at 22:00 (in 1h 12m)",
  );
  const last = { run: "r", at: NOW - 90 * MINUTE, outcome: "canceled", message: "report was stopped" } as const;
  expect(message({ nextAt, slot: { reason: "stopped" }, last })).toBe("last run canceled 1h 30m ago; next run at 22:00 (in 1h 12m)");
});
