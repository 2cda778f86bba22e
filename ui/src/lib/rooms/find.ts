// Which room somebody means by a few letters.

export interface Place {
  readonly host: string;
  readonly hostName: string;
  readonly room: string;
  readonly name: string;
}

const MOST = 20;

/** Names that begin with what is wanted, then those that hold it; accents and case do not count; the host in front first. */
export function find(places: readonly Place[], wanted: string, here: string): Place[] {
  const key = fold(wanted.replace(/^#/, ""));
  return places
    .map((place) => ({ place, at: fold(place.name).indexOf(key) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => Math.sign(a.at) - Math.sign(b.at) || Number(b.place.host === here) - Number(a.place.host === here))
    .slice(0, MOST)
    .map(({ place }) => place);
}

function fold(text: string): string {
  return text.trim().normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
