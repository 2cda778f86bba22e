// A host's id as six words for the ear: 11 bits a word, the first 66 bits of the id (as the host itself says them).

export async function wordsOf(hostId: string): Promise<string> {
  const { wordlist } = await import("@scure/bip39/wordlists/english.js");
  const bits = [...hostId.slice(0, 17)]
    .map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0"))
    .join("");
  return Array.from(
    { length: 6 },
    (_, index) => wordlist[Number.parseInt(bits.slice(index * 11, index * 11 + 11), 2)],
  ).join("-");
}
