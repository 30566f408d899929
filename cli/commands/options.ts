import { InvalidArgumentError } from "commander";

/** A parser of a whole-number option; what it refuses says the rule. */
export function wholeNumber(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`${name} must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser that tells which words it knows: shells complete them. */
type ParserOfWords<T> = ((text: string) => T) & { readonly words: readonly string[] };

/** The words that an option's parser knows; undefined where it knows none. */
export function wordsOf(parser: unknown): readonly string[] | undefined {
  return typeof parser === "function" && "words" in parser
    ? (parser as ParserOfWords<unknown>).words
    : undefined;
}

/** A parser of an option that is one of some words. */
export function oneOf(name: string, words: readonly string[]): ParserOfWords<string> {
  const parse = (text: string) => {
    if (words.includes(text)) return text;
    throw new InvalidArgumentError(`${name} must be one of ${words.join(", ")}.`);
  };
  return Object.assign(parse, { words });
}

/** A parser of words with commas between them. */
export function listOf(name: string, words: readonly string[]): ParserOfWords<string[]> {
  const parse = oneOf(`Each of ${name}`, words);
  const parseAll = (text: string) => text.split(",").map((word) => parse(word.trim()));
  return Object.assign(parseAll, { words });
}

/** A parser that takes any text, these words among it: the edge may know more, and refuses better. */
export function anyLike(words: readonly string[]): ParserOfWords<string> {
  return Object.assign((text: string) => text, { words });
}
