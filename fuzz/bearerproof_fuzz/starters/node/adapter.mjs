// An adapter of your JavaScript library: fill in `verify`, and declare below it what the library can do.
//
// Nothing else is needed. `policy` has all that a verifier is told; each check that your library offers is switched on with
// the value that stands there, and none is added that it lacks: that is what bearerproof looks for.
import { serve } from "./loop.mjs";

// What `verify` throws where the library throws the error that it documents for a bad token.
class Rejected extends Error {}

// Returns the claims of a token that the library accepts at this instant under this policy, or throws Rejected.
// `now` is in seconds since 1970; `policy` has issuer, audience, algorithms, leeway, require and keys (a JWK set).
async function verify({ token, now, policy }) {
  throw new Error("verify, in adapter.mjs, is still to be filled in");
}

const hello = {
  implementation: { name: "my-library", version: "unknown", language: "javascript" },
  capabilities: {
    algorithms: ["RS256", "ES256"], // those that it verifies: each one declared is tried
    clock: "injected", // "real" if it cannot be told the time
    key_form: "jwks", // "pem" and others: policy.key_texts[kid].pem is each key then
    options: ["leeway", "require"], // and "typ", or only those that it has
  },
};

await serve(hello, verify, (error) => error instanceof Rejected);
