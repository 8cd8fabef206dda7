/** Controls, format characters, what is drawn as nothing or not at all: two texts that differ in these alone look the same to people. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

export const NO_UNSEEN = "must hold no characters that cannot be seen";

export function holdsUnseen(text: string): boolean {
  return withoutUnseen(text) !== text;
}

export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN, "");
}
