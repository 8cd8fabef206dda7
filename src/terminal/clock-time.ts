/** `HH:MM:SS` of this machine's time zone. */
export function clockTime(at: string | number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** As `clockTime`, with the date in front when it was another day than `nowMs`. */
export function dayTime(at: string | number, nowMs: number): string {
  const [date, now] = [new Date(at), new Date(nowMs)];
  if (date.toDateString() === now.toDateString()) return clockTime(at);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  return `${day} ${clockTime(at)}`;
}
