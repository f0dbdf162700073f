// jws: verify says true or false of a signature; since 3 it is told the algorithm. Claims are none of its matter.
import { keyOf, required, serveRelease } from "./texts.mjs";

const jws = required("jws");

class Refused extends Error {}

const verify = ({ token, policy }) => {
  const good = jws.verify.length === 3 ? jws.verify(token, policy.algorithms[0], keyOf(policy)) : jws.verify(token, keyOf(policy));
  if (!good) throw new Refused();
  const { payload } = jws.decode(token);
  return typeof payload === "string" ? JSON.parse(payload) : payload;
};

await serveRelease(
  "jws", { algorithms: ["RS256", "ES256"], key_set: false }, verify, (error) => error instanceof Refused,
);
