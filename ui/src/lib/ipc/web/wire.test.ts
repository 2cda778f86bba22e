import { describe, expect, it } from "vitest";

import { delay } from "./backoff";
import { fromBase64Url, nextId, toBase64Url, toHex, uuid7 } from "./bytes";
import { deviceName } from "./device";
import { afterClose, decode, encode } from "./frames";
import { linksOf, pictureOf } from "./invite";
import { judge } from "./proof";
import { takeInvite } from "./remembered";
import { wordsOf } from "./words";

describe("frames", () => {
  it("a request carries its number", () => {
    expect(JSON.parse(encode(7, { type: "ping" }))).toEqual({ req: 7, type: "ping" });
  });

  it("what is no frame is nothing, what is of a newer host passes", () => {
    for (const text of ["", "{", "[]", "null", '"x"', "{}", '{"type":3}', new ArrayBuffer(2)]) {
      expect(decode(text)).toBeNull();
    }
    expect(decode('{"type":"from_the_future"}')).toEqual({ type: "from_the_future" });
  });

  it("the range of a close code says what to do", () => {
    expect([1006, 4000, 4099, 4100, 4199, 4200, 4250, 4300].map(afterClose)).toEqual([
      "comeBack",
      "comeBack",
      "comeBack",
      "resync",
      "resync",
      "stayAway",
      "stayAway",
      "comeBack",
    ]);
  });
});

describe("backoff", () => {
  it("grows, is jittered and bounded", () => {
    expect(delay(0, 0)).toBe(250);
    expect(delay(0, 1)).toBe(500);
    for (const attempt of [0, 1, 5, 20, 1000]) {
      expect(delay(attempt, 0.999)).toBeGreaterThan(delay(attempt, 0));
      expect(delay(attempt, 0.999)).toBeLessThanOrEqual(30_000);
    }
  });
});

describe("bytes", () => {
  it("base64url reads back", () => {
    for (const length of [0, 1, 2, 3, 32, 91]) {
      const bytes = crypto.getRandomValues(new Uint8Array(length));
      expect(toBase64Url(bytes)).toMatch(/^[A-Za-z0-9_-]*$/);
      expect([...fromBase64Url(toBase64Url(bytes))]).toEqual([...bytes]);
    }
  });

  it("message ids are version 7 and sort by time", () => {
    expect(uuid7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuid7(1_000) < uuid7(1_001)).toBe(true);
    expect(uuid7(0x0123456789ab, new Uint8Array(10))).toBe("01234567-89ab-7000-8000-000000000000");
  });
});

it("messages of one millisecond keep their order", () => {
  const ids = Array.from({ length: 50 }, () => nextId(1_000));
  expect([...ids].sort()).toEqual(ids);
});

describe("the host's proof", () => {
  async function host() {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const pair = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const spki = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
    const id = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", spki)));
    const sign = async (nonce: Uint8Array) => {
      const message = new Uint8Array([...new TextEncoder().encode("hearth.v1 host proof\0"), ...nonce]);
      const proof = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, pair.privateKey, message);
      return {
        host: { id, name: "Atelier Nord", version: "0.1.0" },
        public_key: toBase64Url(spki),
        proof: toBase64Url(new Uint8Array(proof)),
        registration: "open" as const,
        heartbeat_ms: 40_000,
      };
    };
    return { sign };
  }

  it("a host that signs our nonce is proven, one that repeats an old proof is refuted", async () => {
    const { sign } = await host();
    const nonce = crypto.getRandomValues(new Uint8Array(32));
    const welcome = await sign(nonce);
    expect(await judge(welcome, nonce, crypto.subtle)).toBe("proven");
    expect(await judge(welcome, crypto.getRandomValues(new Uint8Array(32)), crypto.subtle)).toBe("refuted");
  });

  it("a host that claims another's id is refuted", async () => {
    const nonce = crypto.getRandomValues(new Uint8Array(32));
    const welcome = await (await host()).sign(nonce);
    const claimed = { ...welcome, host: { ...welcome.host, id: "0".repeat(64) } };
    expect(await judge(claimed, nonce, crypto.subtle)).toBe("refuted");
    expect(await judge({ ...welcome, public_key: "!" }, nonce, crypto.subtle)).toBe("refuted");
  });

  it("without WebCrypto nothing is claimed", async () => {
    const nonce = new Uint8Array(32);
    expect(await judge(await (await host()).sign(nonce), nonce, undefined)).toBe("unchecked");
  });
});

describe("an invite", () => {
  const id = "d".repeat(64);
  const token = "t".repeat(43);

  it("is taken out of the page's address", () => {
    const replaced: string[] = [];
    const page = {
      location: { pathname: `/join/${id}`, hash: `#t=${token}` },
      history: { replaceState: (_: unknown, __: string, url: string) => replaced.push(url) },
    } as unknown as Window;
    expect(takeInvite(page)).toEqual({ host: id, token });
    expect(replaced).toEqual([`/join/${id}`]);
  });

  it("becomes a link for the app, one for browsers, and a picture", () => {
    const page = { protocol: "https:", hostname: "studio.local", port: "", origin: "https://studio.local" };
    const { app, web, qr } = linksOf(page, id, token);
    expect(app).toBe(`hearth://join/${id}?a=studio.local:443&t=${token}`);
    expect(web).toBe(`https://studio.local/join/${id}#t=${token}`);
    expect(qr.size).toBeGreaterThan(20);
    expect(pictureOf("x").path).toMatch(/^(M\d+ \d+h1v1h-1z)+$/);
  });
});

it("a host's words are those that the host itself says", async () => {
  const id = "de5c25fbc50628914b85f0c945e1a50eb0b6462f2e85dc0d10150a6fc9e7b657";
  expect(await wordsOf(id)).toBe("tattoo-thrive-leave-meat-glad-emerge");
});

it("a browser calls itself by what people call it", () => {
  const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
  expect(deviceName(firefox)).toBe("Firefox, Linux");
  expect(deviceName("")).toBe("Browser");
});
