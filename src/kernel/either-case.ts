import { z } from "zod";

/** Takes `targetService` for `target_service`, in this object and not in those within. One given in both ways stays, and is refused as unknown. */
export function inEitherCase<T extends z.ZodObject>(schema: T) {
  const other = new Map(
    Object.keys(schema.shape).map((name) => [name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), name]),
  );
  return z.preprocess((given) => {
    if (typeof given !== "object" || given === null || Array.isArray(given)) return given;
    return Object.fromEntries(Object.entries(given).map(([name, value]) => [nameOf(name, given), value]));
  }, schema);

  function nameOf(name: string, given: object): string {
    const meant = other.get(name) ?? name;
    return meant !== name && Object.hasOwn(given, meant) ? name : meant;
  }
}
