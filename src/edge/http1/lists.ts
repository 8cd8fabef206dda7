const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The elements of a comma-separated value (RFC 9110 §5.6.1), empty ones left out. Undefined when one is no token. */
export function tokensOf(value: string): string[] | undefined {
  const tokens = elementsOf(value);
  return tokens.every((token) => TOKEN.test(token)) ? tokens : undefined;
}

export function elementsOf(value: string): string[] {
  return value
    .split(",")
    .map(withoutBlanks)
    .filter((element) => element !== "");
}

/** RFC 9110 §5.6.3; `trim` would also take what is no whitespace in HTTP (0xA0). */
function withoutBlanks(text: string): string {
  return text.replace(/^[\t ]+|[\t ]+$/g, "");
}

/** Whether names in lower case, joined by commas, hold `name`. */
export function lists(names: string, name: string): boolean {
  return names === name || (names.includes(name) && names.split(",").includes(name));
}
