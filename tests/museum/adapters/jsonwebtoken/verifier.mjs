// jsonwebtoken with one key as text; since 8 a callback finds it by kid. No list of algorithms is given.
import { keyOf, keyOfKid, required, serveRelease } from "./texts.mjs";

const jwt = required("jsonwebtoken");
const hasCallback = Number.parseInt(required("jsonwebtoken/package.json").version, 10) >= 8;

const verify = ({ token, policy }) => new Promise((resolve, reject) => {
  const checks = { issuer: policy.issuer, audience: policy.audience };
  const key = hasCallback ? (header, found) => found(null, keyOfKid(policy, header)) : keyOf(policy);
  jwt.verify(token, key, checks, (error, claims) => (error ? reject(error) : resolve(claims)));
});

await serveRelease(
  "jsonwebtoken",
  { algorithms: ["HS256", "RS256", "ES256"], clock: "real", mixed_algorithms: true, key_set: hasCallback }, verify, (error) => error instanceof jwt.JsonWebTokenError,
);
