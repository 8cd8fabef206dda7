const SENTENCE =
  "the quick brown fox jumps over a lazy dog while seven wizards quietly box up many extra jugs of liquid for their next trip ."
    .split(" ")
    .map((word) => ` ${word}`);
const LOOP = [" loop", ...Array.from({ length: 63 }, (_, n) => ` w${String(n).padStart(2, "0")}`)];
const EMOJI = [" 🙂", " ."];

/** The next word with its leading space; undefined at the end. */
export type Words = () => string | undefined;

/** How an answer is chosen. */
export interface Choice {
  readonly prompt: string;
  readonly temperature: number;
  readonly seed: number;
  /** It walks on and on. */
  readonly endless: boolean;
}

/**
 * Walks a fixed sentence, as the model of examples/inference does: from the word that ends the prompt, else from its beginning; `loop` never ends, `emoji` is one
 * character. Above temperature 0 the words come in an order that the seed alone decides.
 */
export function wordsOf({ prompt, temperature, seed, endless }: Choice): Words {
  const last = ` ${/(\S+)\s*$/.exec(prompt.slice(-100))?.[1] ?? ""}`;
  if (endless || last === " loop") return around(LOOP, 1);
  if (last === " emoji") return once(EMOJI, 0);
  if (temperature > 0) return shuffled(seed);
  return once(SENTENCE, SENTENCE.indexOf(last) + 1);
}

/** These words, then the end. */
export function once(words: readonly string[], from: number): Words {
  let at = from;
  return () => words[at++];
}

function around(words: readonly string[], from: number): Words {
  let at = from;
  return () => words[at++ % words.length];
}

function shuffled(seed: number): Words {
  let left = SENTENCE.length;
  let state = seed >>> 0;
  return () => {
    if (left-- <= 0) return undefined;
    // Numerical Recipes' generator; its low bits are poor.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return SENTENCE[(state >>> 16) % SENTENCE.length];
  };
}

/** Words stand in for tokens. */
export function countWords(text: string): number {
  let count = 0;
  let inside = false;
  for (let at = 0; at < text.length; at++) {
    const blank = text.charCodeAt(at) <= 32;
    if (!blank && !inside) count++;
    inside = !blank;
  }
  return count;
}
