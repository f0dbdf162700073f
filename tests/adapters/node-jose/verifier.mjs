// jose: jwtVerify with createLocalJWKSet, told the time. Its sets hold public keys only. Its error is JOSEError.
import { createLocalJWKSet, errors, jwtVerify } from "jose";
import { serve, versionOf } from "./loop.mjs";

const hello = {
  implementation: { name: "jose", version: versionOf("jose"), language: "javascript" },
  capabilities: {
    algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
    options: ["leeway", "require", "typ"], max_line: 4000000,
  },
};

async function verify({ token, now, policy }) {
  const { payload } = await jwtVerify(token, createLocalJWKSet(policy.keys), {
    issuer: policy.issuer, audience: policy.audience, algorithms: policy.algorithms,
    clockTolerance: policy.leeway ?? 0, requiredClaims: policy.require ?? [], typ: policy.typ ?? undefined,
    currentDate: new Date(now * 1000),
  });
  return payload;
}

await serve(hello, verify, (error) => error instanceof errors.JOSEError);
