/** What a history is held to: the invariants of the design, by name. */
export const laws = {
  oneLease: "1 at most one live lease per task",
  epochsGrow: "2 epochs strictly grow",
  absorb: "3 terminal states absorb, one terminal event per run",
  verified: "4 completed means verified outputs of the winning epoch",
  stale: "5 no stale epoch changes anything visible",
  terminal: "6 every job becomes terminal once faults stop",
  attempts: "7 attempts never exceed the maximum, an expiry counts",
  sequence: "8 the event sequence has no gaps",
  converges: "9 the read model converges",
  webhook: "10 every terminal event has one id",
  slots: "11 no worker holds more than its slots",
  progress: "progress never falls within an attempt",
  sameAnswer: "a repeated message gets the same answer",
  notEarly: "a lease is not expired before its time",
  notLate: "a lease without movement does not outlive its time",
  mergeLast: "a merge is leased once every chunk and the audio were accepted",
  copiedOnce: "a chunk has at most two copies in a run",
  oneWinner: "one copy of a chunk is accepted",
  gapless: "what is listed was accepted, from the first chunk on without a gap",
  pinned: "all chunks have the codec configuration of the first accepted",
  playable: "a run is playable once, with its first chunk and the first of its sound",
} as const;
export type Law = keyof typeof laws;

export class Violation extends Error {
  readonly law: Law;

  constructor(law: Law, detail: string) {
    super(`${laws[law]}: ${detail}`);
    this.law = law;
  }
}
