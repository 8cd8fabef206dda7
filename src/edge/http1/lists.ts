const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The elements of a comma-separated value (RFC 9110 §5.6.1), empty ones left out. Undefined when one is no token. */
export function tokensOf(value: string): string[] | undefined {
  const tokens = elementsOf(value);
  return tokens.every((token) => TOKEN.test(token)) ? tokens : undefined;
}

export function elementsOf(value: string): string[] {
  return value
    .split(",")
    .map((element) => trimmed(element, 0, element.length))
    .filter((element) => element !== "");
}

/** A part of `text` without SP and HTAB around it (RFC 9110 §5.6.3). `trim` would also take what is no whitespace in HTTP (0xA0). */
export function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Whether names in lower case, joined by commas, hold `name`. */
export function lists(names: string, name: string): boolean {
  return names === name || (names.includes(name) && names.split(",").includes(name));
}
