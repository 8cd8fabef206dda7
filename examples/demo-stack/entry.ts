/** One entry of the guestbook, as it travels between the services. */
export interface Entry {
  readonly key: string;
  readonly name: string;
  readonly message: string;
  readonly at: string;
}

export type NewEntry = Omit<Entry, "at">;

const MAX_NAME = 60;
const MAX_MESSAGE = 500;

/** Why the entry is refused, or the entry. The key makes a repeated post harmless. */
export function checkEntry(input: unknown): NewEntry | string {
  if (typeof input !== "object" || input === null) return "send an object with name and message";
  const { key, name, message } = input as Record<string, unknown>;
  if (typeof name !== "string" || name.trim() === "" || name.length > MAX_NAME) return `name: 1 to ${MAX_NAME} characters`;
  if (typeof message !== "string" || message.trim() === "" || message.length > MAX_MESSAGE)
    return `message: 1 to ${MAX_MESSAGE} characters`;
  if (typeof key !== "string" || !/^[\w-]{8,64}$/.test(key)) return "key: 8 to 64 letters, digits, - or _";
  return { key, name: name.trim(), message: message.trim() };
}
