/** Languages of tracks, as containers know them. */
import type { OutputFormat } from "../../media.ts";

/**
 * QuickTime's table has the bibliographic codes of ISO 639-2 where a language has two (libavformat/isom.c), and
 * ffmpeg drops what is not in it.
 */
const bibliographic: Readonly<Record<string, string>> = {
  sqi: "alb",
  hye: "arm",
  eus: "baq",
  mya: "bur",
  zho: "chi",
  ces: "cze",
  nld: "dut",
  fra: "fre",
  kat: "geo",
  deu: "ger",
  ell: "gre",
  isl: "ice",
  mkd: "mac",
  mri: "mao",
  msa: "may",
  fas: "per",
  ron: "rum",
  slk: "slo",
  bod: "tib",
  cym: "wel",
};

/** Options that name the language of the track `specifier` (`a:0`); ISO 639 codes only, for the tag is free text in some containers. */
export function languageOption(
  language: string | null,
  specifier: string,
  format: OutputFormat | undefined,
): string[] {
  if (language === null || !/^[a-z]{2,3}$/.test(language)) return [];
  const code = format === "mov" ? (bibliographic[language] ?? language) : language;
  return [`-metadata:s:${specifier}`, `language=${code}`];
}
