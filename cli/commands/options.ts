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

/** A parser of an option that is one of some words. */
export function oneOf(name: string, words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text;
    throw new InvalidArgumentError(`${name} must be one of ${words.join(", ")}.`);
  };
}

/** A parser of words with commas between them. */
export function listOf(name: string, words: readonly string[]): (text: string) => string[] {
  const parse = oneOf(`Each of ${name}`, words);
  return (text) => text.split(",").map((word) => parse(word.trim()));
}
