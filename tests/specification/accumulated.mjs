// Accumulated vectors, made and judged anew from spec/accumulated.md alone: the generator and a verifier in Node.
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(process.argv[2], "utf8"));
const number = Number(process.argv[3]);
const encoded = (octets) => Buffer.from(octets).toString("base64url");
const mac = (secret, text) => createHmac("sha256", secret).update(text).digest();

function make(n) {
  const octets = createHash("sha256").update(`${given.label} ${n}`).digest();
  const faults = Math.max(0, (octets[0] % 4) - 1);
  const bad = new Set([...octets.subarray(1, 1 + faults)].map((octet) => octet % given.parts.length));
  const spelled = {};
  given.parts.forEach((part, p) => {
    const spellings = bad.has(p) ? part.bad : part.good;
    spelled[part.name] = spellings[octets[3 + p] % spellings.length];
  });
  const members = [spelled.iss, spelled.aud, spelled.exp, spelled.nbf, `"n":${n}`].filter((text) => text !== "");
  const header = encoded(spelled.header);
  const payload = encoded(`{${members.join(",")}}`);
  const secret = spelled.signature === "of another secret" ? given.other_secret : given.secret;
  let signature = mac(secret, `${header}.${spelled.signature === "of another payload" ? encoded("{}") : payload}`);
  if (spelled.signature === "flipped") signature[octets[10] % 32] ^= 1 << octets[11] % 8;
  if (spelled.signature === "cut") signature = signature.subarray(0, octets[10] % 32);
  if (spelled.signature === "none") signature = Buffer.alloc(0);
  const compact = `${header}.${payload}.${encoded(signature)}`;
  return {
    compact,
    "two segments": `${header}.${payload}`,
    "four segments": `${compact}.${payload}`,
    "a foreign character": `${header}.${payload[0]}!${payload.slice(1)}.${encoded(signature)}`,
    "an empty payload": `${header}..${encoded(signature)}`,
  }[spelled.form];
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value) => typeof value === "number";

// RFC 7519 section 7.2, with the policy's algorithm, issuer and audience.
function verify(token) {
  const segments = token.split(".");
  if (segments.length !== 3 || segments.some((segment) => !/^[A-Za-z0-9_-]*$/.test(segment))) return false;
  let header, claims;
  try {
    [header, claims] = segments.slice(0, 2).map((segment) => JSON.parse(Buffer.from(segment, "base64url").toString()));
  } catch {
    return false;
  }
  if (!isObject(header) || !isObject(claims) || "crit" in header) return false;
  if (typeof header.alg !== "string" || !given.policy.algorithms.includes(header.alg)) return false;
  if (encoded(mac(given.secret, `${segments[0]}.${segments[1]}`)) !== segments[2]) return false;
  const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  return claims.iss === given.policy.issuer && audiences.includes(given.policy.audience) && isNumber(claims.exp)
    && claims.exp > given.now && (!("nbf" in claims) || (isNumber(claims.nbf) && claims.nbf <= given.now));
}

const digest = createHash("sha256");
for (let n = 0; n < number; n += 1) {
  const token = make(n);
  digest.update(`${token} ${verify(token) ? "accepted" : "rejected"}\n`);
}
console.log(digest.digest("hex"));
